"""The model that a training run starts from: a new system, or an existing model."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from refseg.data.sources import TrainingSource
from refseg.errors import DataError
from refseg.inference.calibration import PresenceCalibration
from refseg.inference.checkpoint import load_checkpoint
from refseg.inference.hub import resolve_model
from refseg.language import UNK, Vocabulary
from refseg.models.registry import build_system
from refseg.models.system import System
from refseg.training.recipe import Recipe
from refseg.training.vocabulary import add_words, build_vocabulary, frequent_words

EMBEDDED = "embedded"


@dataclass(frozen=True)
class StartingModel:
    """system, on the CPU, and vocabulary.  model: folder of the model that they come from, None for a new one;
    threshold and presence: its own. record: its entry in a checkpoint's `training`."""

    system: System
    vocabulary: Vocabulary
    model: Path | None = None
    threshold: float = 0.5
    presence: PresenceCalibration | None = None
    record: Mapping[str, Any] = field(default_factory=dict)


def prepare_model(
    plan: Recipe, sources: Sequence[TrainingSource], data: Path, model: str | None = None
) -> StartingModel:
    """The recipe's model, with the words of its sources; model: instead of the one that the recipe continues from.

    Raises DataError for a recipe that does not continue from a model, CheckpointError or HubError for a model that
    cannot be loaded.
    """
    expressions = [text for source in sources for _, text in source.expressions]
    if plan.model is not None:
        return _continued(model or plan.model, expressions)
    if model is not None:
        raise DataError(
            f"the recipe {plan.name!r} trains a new model, so it cannot continue from {model!r}: omit --model, or"
            " choose another recipe"
        )
    if plan.network is None:
        raise ValueError("a recipe without model has a network")
    folder = None if plan.initialization is None else data / plan.initialization.folder
    torch.manual_seed(plan.seed)
    vocabulary = build_vocabulary(expressions, frequent_words(folder), plan.vocabulary_words)
    system = build_system(plan.network, len(vocabulary))
    if plan.initialization is not None and folder is not None:
        plan.initialization.initialize(system, vocabulary, folder)
    return StartingModel(system, vocabulary)


def _continued(model: str, expressions: Iterable[str]) -> StartingModel:
    """The model, with a row for each word of the expressions that its vocabulary lacks: a copy of the row of <unk>, so
    that its answers do not change before training.
    """
    source = resolve_model(None if model == EMBEDDED else model)
    old, words, config = load_checkpoint(source.folder)
    vocabulary = add_words(words, expressions)
    added = len(vocabulary) - len(words)
    if added and not old.word_tables():
        raise DataError(
            f"the model {source.name} has no word table that could be extended, but the data has {added} new words"
        )
    system = build_system(old.config, len(vocabulary))
    tensors = old.state_dict()
    tables = {id(table.weight) for table in old.word_tables()}
    for name, parameter in old.named_parameters():
        if id(parameter) in tables:
            row = tensors[name][UNK]
            tensors[name] = torch.cat([tensors[name], row.expand(added, -1)])
    system.load_state_dict(tensors)
    presence = PresenceCalibration.from_dict(config["presence"]) if "presence" in config else None
    record = {"model": source.name, "weights_sha256": config.get("weights_sha256"), "training": config["training"]}
    return StartingModel(system, vocabulary, source.folder, float(config["threshold"]), presence, {"from": record})
