"""What a run begins with: a model that is trained further answers as it did until it is trained."""

from pathlib import Path

import numpy as np
import pytest
import torch

from refseg.data.sources import SourceSpec, TrainingSource
from refseg.errors import CheckpointError, DataError
from refseg.inference.checkpoint import load_checkpoint
from refseg.inference.predictor import Predictor
from refseg.language import UNK
from refseg.models.compact import CompactConfig
from refseg.training.recipe import Phase, Recipe
from refseg.training.warm_start import prepare_model

PHASES = (Phase("only", 5, 2, 3, 64, 1e-3, 0.0, 1e-4),)
FURTHER = Recipe("further", None, (SourceSpec(".", 1.0),), PHASES, model="embedded")
NEW = Recipe("new", CompactConfig.tiny(), (SourceSpec(".", 1.0),), PHASES)
SOURCES = [TrainingSource([], 1.0, (("dog", "the zyx of a dog"), ("dog", "a qxv, a zyx")))]


def test_a_model_with_new_words_answers_as_before(
    tiny_checkpoint: Path, tmp_path: Path, sample_image: np.ndarray
) -> None:
    start = prepare_model(FURTHER, SOURCES, tmp_path, str(tiny_checkpoint))
    before = Predictor.load(tiny_checkpoint, device="cpu", precision="float32")
    after = Predictor(start.system, start.vocabulary, device="cpu", precision="float32", name=before.name)
    count = len(before.vocabulary)
    assert [start.vocabulary.word(index) for index in range(count, len(start.vocabulary))] == ["zyx", "qxv"]
    texts = ["the red circle on the left", "the zyx dog"]
    for old, new in zip(
        before.segment(before.encode(sample_image), texts),
        after.segment(after.encode(sample_image), texts),
        strict=True,
    ):
        np.testing.assert_array_equal(old.logits, new.logits)
    assert old.unknown == ("zyx",) and new.unknown == ()
    assert start.model == tiny_checkpoint and start.record["from"]["training"] == {"recipe": "none", "steps": 0}
    table = start.system.dense.words.table.weight
    assert torch.equal(table[count], table[UNK])


def test_the_embedded_model_is_what_the_recipe_names() -> None:
    start = prepare_model(FURTHER, [], Path())
    _, vocabulary, config = load_checkpoint(Path("checkpoints/cmsa"))
    assert len(start.vocabulary) == len(vocabulary) and start.system.config == CompactConfig()
    assert start.threshold == config["threshold"]
    assert start.presence is not None and start.presence.to_dict() == config["presence"]


def test_a_recipe_for_a_new_model_takes_no_other(tiny_checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="omit --model"):
        prepare_model(NEW, SOURCES, tmp_path, str(tiny_checkpoint))
    assert prepare_model(NEW, SOURCES, tmp_path).model is None


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no model"):
        prepare_model(FURTHER, SOURCES, tmp_path, str(tmp_path / "nothing"))
