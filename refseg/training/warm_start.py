"""What a run begins with: a new network, or a model that is to be trained further."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from refseg.data.sources import TrainingSource
from refseg.errors import DataError
from refseg.inference.calibration import PresenceCalibration
from refseg.inference.checkpoint import load_checkpoint
from refseg.inference.hub import resolve_model
from refseg.language import UNK, Vocabulary
from refseg.models.cmsa.network import ReferringNetwork
from refseg.training.initialization import initialise_compact
from refseg.training.recipe import Recipe
from refseg.training.vocabulary import add_words, build_vocabulary, frequent_words

EMBEDDED = "embedded"


@dataclass(frozen=True)
class Start:
    """network, on the CPU, and vocabulary.  model: folder of the model that they come from, None for none; threshold and presence: its own.
    record: what a checkpoint's `training` says of it."""

    network: ReferringNetwork
    vocabulary: Vocabulary
    model: Path | None = None
    threshold: float = 0.5
    presence: PresenceCalibration | None = None
    record: Mapping[str, Any] = field(default_factory=dict)


def begin(plan: Recipe, sources: Sequence[TrainingSource], data: Path, model: str | None = None) -> Start:
    """As the recipe says, on the sentences of its sources; model: instead of the recipe's, where it goes on from one.

    Raises DataError where it does not, CheckpointError or HubError for a model that cannot be had.
    """
    sentences = [sentence for source in sources for _, sentence in source.expressions]
    if plan.model is not None:
        return _go_on(model or plan.model, sentences)
    if model is not None:
        raise DataError(
            f"the recipe {plan.name!r} makes a new model, so it cannot go on from {model!r}: leave --model out, or choose another recipe"
        )
    if plan.network is None:
        raise ValueError("a recipe without model has a network")
    initialisation = data / plan.initialisation if plan.initialisation else None
    torch.manual_seed(plan.seed)
    vocabulary = build_vocabulary(sentences, frequent_words(initialisation), plan.vocabulary_words)
    network = ReferringNetwork(plan.network, len(vocabulary))
    if initialisation is not None:
        initialise_compact(network, vocabulary, initialisation)
    return Start(network, vocabulary)


def _go_on(model: str, sentences: Iterable[str]) -> Start:
    """The model, with a row for each word of the sentences that it does not know: <unk>'s own, so that it answers as before until that is trained."""
    source = resolve_model(None if model == EMBEDDED else model)
    old, known, config = load_checkpoint(source.folder)
    vocabulary = add_words(known, sentences)
    network = ReferringNetwork(old.config, len(vocabulary))
    tensors = old.state_dict()
    table: Tensor = tensors["words.table.weight"]
    tensors["words.table.weight"] = torch.cat([table, table[UNK].expand(len(vocabulary) - len(known), -1)])
    network.load_state_dict(tensors)
    presence = PresenceCalibration.from_dict(config["presence"]) if "presence" in config else None
    record = {"model": source.name, "weights_sha256": config.get("weights_sha256"), "training": config["training"]}
    return Start(network, vocabulary, source.folder, float(config["threshold"]), presence, {"from": record})
