"""A recipe: everything that decides what a training run does, as frozen data. Each file of `recipes/` defines one."""

import importlib.util
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from refseg import resources
from refseg.data.expression_mix import DEFAULT_MIX
from refseg.data.sources import ClipSpec, SourceSpec
from refseg.errors import DataError
from refseg.language import Vocabulary
from refseg.models.config import SystemConfig
from refseg.models.registry import system_name
from refseg.models.system import System
from refseg.resources import resource_folder
from refseg.training.losses import LossWeights
from refseg.training.optimizers import OPTIMIZERS, OptimizerName
from refseg.training.schedule import SCHEDULES, Schedule

RECIPES = resource_folder(resources.RECIPES)


HIDDEN_WORDS = 0.02  # share of words replaced by <unk> in training, so that its vector represents "some word"


@dataclass(frozen=True)
class Phase:
    """A part of training with one resolution, one optimizer and one set of rates.

    steps: optimizer steps.  images, expressions: per step and per image.  instances: masks of single objects, at most,
    per image. image_size: side of the letterboxed image, 0 for the system's own. task: "expressions" trains the whole
    system; "instances" the masks of single objects; "selection" the choice among the region proposals, from cached
    ones; "number" whether an expression has one referent or several, from the same expressions; "clips" attention
    across frames alone, on windows of `images` frames. See `refseg.training.objectives`. regions: whether masks of
    regions reach the answer. If not, the dense answer is trained alone, without the losses of the region branch;
    presence still reads the choice among the regions, so its loss trains the choice a little. trained: names of the
    system's modules that change, such as "branch.selection"; empty: all except what the task and the rates exclude.
    frozen: names of modules that never change; a system may lack them. synthetic: share of synthetic layouts in a phase
    of selection, see `refseg.training.regions.synthetic_layouts`. optimizer, schedule: by name, see `optimizers.py` and
    `schedule.py`.  rate, region_rate, backbone_rate, table_rate: peak rates. A backbone rate of 0 freezes the backbone,
    which then costs a third; the region branch learns at `rate` if region_rate is None. mix: relative odds of the kinds
    of expressions, see `refseg.data.expression_mix.DEFAULT_MIX`. clip_norm: largest norm of the gradient, 0 for any.
    hidden_words: share of words that are replaced by <unk>.  augmented: whether images are cropped, mirrored and
    recolored.  target_stride: pixels to a cell of the masks. Raises DataError for a phase of instances without any, and
    for an unknown optimizer or schedule.
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
    frozen: tuple[str, ...] = ()
    instances: int = 0
    synthetic: float = 0.0
    optimizer: OptimizerName = "adamw"
    schedule: Schedule = "cosine"
    clip_norm: float = 1.0
    hidden_words: float = HIDDEN_WORDS
    augmented: bool = True
    target_stride: int = 4
    region_rate: float | None = None
    mix: Mapping[str, float] = field(default_factory=lambda: DEFAULT_MIX)
    warmup: int = 100
    decay: float = 0.02

    def __post_init__(self) -> None:
        if self.task == "instances" and self.instances < 1:
            raise DataError(
                f"the phase {self.name!r} trains the masks of {self.instances} objects of an image, expected at least"
                " 1: set its `instances`"
            )
        for kind, name, names in (("optimizer", self.optimizer, OPTIMIZERS), ("schedule", self.schedule, SCHEDULES)):
            if name not in names:
                raise DataError(f"the phase {self.name!r} has the {kind} {name!r}, expected one of {', '.join(names)}")


@dataclass(frozen=True)
class Initialization:
    """How a new system gets its first weights: `initialize(system, vocabulary, folder)`, with the public weights in
    `folder`, relative to the data root.

    Raises the errors of that function, DataError for missing files.
    """

    folder: str
    initialize: Callable[[System, Vocabulary, Path], None]

    def to_dict(self) -> dict[str, str]:
        """Plain JSON types: the folder and the name of the function."""
        return {"folder": self.folder, "initialize": self.initialize.__qualname__}


@dataclass(frozen=True)
class Recipe:
    """One training run.

    network: configuration of the system, which determines the system; None for a recipe that continues from a model.
    sources: what images and expressions are drawn from.  clips: sequences for phases of clips, None for none.
    initialization: of a new system; None: random tensors. model: the model to continue from, "embedded", a checkpoint
    folder or a Hub repository, with its system, its words and its threshold, unless another one is requested (`train
    --model`); None for a new one. measured: the source on whose `val` split the model is measured before the first and
    after the last step, see `refseg.training.held_back`. gate: sources, and their weights, on whose `val` splits the
    gate of the region branch is fitted after the last step. calibration: the source on whose `val` split presence is
    calibrated after the last step (its images must be labeled completely). vocabulary_words: size of the frequent-word
    part of the vocabulary.  average: decay of the moving average of the weights, which is what is saved. save_every:
    steps between two states to resume from.
    """

    name: str
    network: SystemConfig | None
    sources: tuple[SourceSpec, ...]
    phases: tuple[Phase, ...]
    clips: ClipSpec | None = None
    initialization: Initialization | None = None
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
                f"recipe {self.name!r} has the network {self.network} and the model {self.model!r}, expected exactly"
                " one of the two"
            )
        if self.measured is not None and self.model is None:
            raise DataError(
                f"recipe {self.name!r} compares a new model on {self.measured!r} with nothing: omit `measured`"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        values: dict[str, Any] = {item.name: getattr(self, item.name) for item in fields(self)}
        values["system"] = None if self.network is None else system_name(self.network)
        values["network"] = None if self.network is None else self.network.to_dict()
        values["initialization"] = None if self.initialization is None else self.initialization.to_dict()
        values["phases"] = [asdict(phase) for phase in self.phases]
        values["sources"] = [asdict(source) for source in self.sources]
        values["clips"] = None if self.clips is None else asdict(self.clips)
        values["loss"] = asdict(self.loss)
        values["gate"] = dict(self.gate)
        read: dict[str, Any] = json.loads(json.dumps(values))
        return read

    @property
    def steps(self) -> int:
        """Steps of all phases together."""
        return sum(phase.steps for phase in self.phases)

    def at(self, step: int) -> tuple[int, int]:
        """(index of the phase, step within it) of a global step; the last step of the last phase for anything
        beyond.
        """
        for index, phase in enumerate(self.phases):
            if step < phase.steps:
                return index, step
            step -= phase.steps
        return len(self.phases) - 1, self.phases[-1].steps - 1


def load_recipe(name: str) -> Recipe:
    """A recipe by its name in `recipes/`, or by the path of a Python file that defines RECIPE. Raises DataError."""
    path = Path(name) if name.endswith(".py") else RECIPES / f"{name}.py"
    if not name.endswith(".py") and not re.fullmatch(r"[a-z0-9_]+", name):
        raise DataError(
            f"recipe {name!r} is not a name; expected one of {', '.join(available_recipes())}, or the path of a .py"
            " file"
        )
    if not path.is_file():
        raise DataError(
            f"no recipe {name!r}; available: {', '.join(available_recipes()) or 'none'}; or give the path of a .py file"
        )
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
