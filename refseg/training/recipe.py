"""A recipe: everything that decides what a training run does, as frozen data; the files of `recipes/` each define one."""

import importlib.util
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from refseg import resources
from refseg.data.choices import DEFAULT_MIX
from refseg.data.sources import ClipSpec, SourceSpec
from refseg.errors import DataError
from refseg.models.config import NetworkConfig
from refseg.resources import resource_folder
from refseg.training.losses import LossWeights

RECIPES = resource_folder(resources.RECIPES)


@dataclass(frozen=True)
class Phase:
    """A stretch of training with one resolution and one set of rates.

    steps: optimiser steps.  images, expressions: per step and per picture; instances: masks of single objects, at most, per picture.
    image_size: side of the letterboxed picture, 0 for the network's own.
    task: "expressions" trains the whole network, "instances" the masks of single objects, "selection" the choice among the candidate regions, from
    memory, "number" whether one thing is meant or several, from the same sentences, "clips" cross-frame self-attention and nothing else, on windows of
    `images` frames; see `refseg.training.tasks`.
    regions: whether the answer to an expression sees the masks of the regions. Where it does not, the dense answer is trained by itself, without the regions'
    evidence and their losses; the presence score reads the choice among them all the same, so that its loss trains the choice a little, too.
    trained: names of the network's modules that change; empty: all but what the task and the rates leave as it is.
    imagined: share of pictures that a selection phase puts together, see `refseg.training.imagined`.
    rate, region_rate, backbone_rate, table_rate: AdamW's peak rates; a backbone rate of 0 freezes the backbone, which then costs a third; the region
    branch goes at `rate` where region_rate is None.
    mix: relative odds of the kinds of expressions (see `refseg.data.choices.DEFAULT_MIX`).
    Raises DataError for a phase of instances without any.
    """

    name: str
    steps: int
    images: int
    expressions: int
    image_size: int
    rate: float
    backbone_rate: float
    table_rate: float
    task: Literal["expressions", "instances", "selection", "number", "clips"] = "expressions"
    regions: bool = True
    trained: tuple[str, ...] = ()
    instances: int = 0
    imagined: float = 0.0
    region_rate: float | None = None
    mix: Mapping[str, float] = field(default_factory=lambda: DEFAULT_MIX)
    warmup: int = 100
    decay: float = 0.02

    def __post_init__(self) -> None:
        if self.task == "instances" and self.instances < 1:
            raise DataError(
                f"the phase {self.name!r} trains the masks of {self.instances} objects of a picture, expected at least 1: set its `instances`"
            )


@dataclass(frozen=True)
class Recipe:
    """network: configuration, None for a recipe that goes on from a model.  sources: what pictures and expressions are drawn from.  clips: sequences for
    phases of clips, None for none.
    initialisation: folder of public weights, relative to the data root, or None to start from random tensors.
    model: the model to go on from, "embedded", a checkpoint folder or a Hub repository, with its network, its words and its threshold, unless
    another is asked for (`train --model`); None for a new one.
    measured: the source on whose `val` split the model is measured before the first and after the last step, see `refseg.training.report`.
    gate: sources, and their weights, on whose `val` splits it is fitted, when the last step is done, how far a choice among the regions is trusted.
    calibration: the source whose `val` split the presence score is calibrated on when the last step is done (its pictures must be labelled completely).
    vocabulary_words: size of the frequent-word part of the vocabulary.  average: decay of the moving average of the weights that is kept.
    save_every: steps between two states to resume from.
    """

    name: str
    network: NetworkConfig | None
    sources: tuple[SourceSpec, ...]
    phases: tuple[Phase, ...]
    clips: ClipSpec | None = None
    initialisation: str | None = None
    model: str | None = None
    measured: str | None = None
    gate: Mapping[str, float] = field(default_factory=dict)
    calibration: str | None = None
    vocabulary_words: int = 20_000
    loss: LossWeights = field(default_factory=LossWeights)
    average: float = 0.998
    seed: int = 0
    save_every: int = 100

    def __post_init__(self) -> None:
        if (self.network is None) == (self.model is None):
            raise DataError(
                f"recipe {self.name!r} has the network {self.network} and the model {self.model!r}, expected exactly one of the two"
            )
        if self.measured is not None and self.model is None:
            raise DataError(f"recipe {self.name!r} compares a new model on {self.measured!r} with nothing: leave `measured` out")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return values

    @property
    def steps(self) -> int:
        """Steps of all phases together."""
        return sum(phase.steps for phase in self.phases)

    def at(self, step: int) -> tuple[int, int]:
        """(index of the phase, step within it) of a global step; the last step of the last phase for anything beyond."""
        for index, phase in enumerate(self.phases):
            if step < phase.steps:
                return index, step
            step -= phase.steps
        return len(self.phases) - 1, self.phases[-1].steps - 1


def load_recipe(name: str) -> Recipe:
    """A recipe by its name in `recipes/`, or by the path of a Python file that defines RECIPE. Raises DataError."""
    path = Path(name) if name.endswith(".py") else RECIPES / f"{name}.py"
    if not name.endswith(".py") and not re.fullmatch(r"[a-z0-9_]+", name):
        raise DataError(f"recipe {name!r} is not a name; expected one of {', '.join(available_recipes())}, or the path of a .py file")
    if not path.is_file():
        raise DataError(f"no recipe {name!r}; available: {', '.join(available_recipes()) or 'none'}; or give the path of a .py file")
    spec = importlib.util.spec_from_file_location(f"refseg_recipe_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise DataError(f"{path} cannot be loaded as Python; expected a file that defines RECIPE")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    recipe = getattr(module, "RECIPE", None)
    if not isinstance(recipe, Recipe):
        raise DataError(f"{path} defines no RECIPE of type refseg.training.recipe.Recipe")
    return recipe


def available_recipes() -> list[str]:
    """Names of the recipes that come with the project."""
    return sorted(path.stem for path in RECIPES.glob("*.py") if not path.stem.startswith("_"))
