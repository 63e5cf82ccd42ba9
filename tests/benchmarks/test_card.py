"""What the card says of answers that are doubted, and of several things at once."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.card import Sample, by_doubt, several
from tests.data.scenery import scene_of


def sample(doubt: float, overlap: float) -> Sample:
    return Sample(Path("photo.jpg"), "the dog", np.zeros((2, 2), bool), overlap, False, doubt)


def test_quarters_go_from_the_least_doubted_to_the_most() -> None:
    samples = [sample(doubt, 1 - doubt) for doubt in (0.9, 0.1, 0.5, 0.3, 0.7, 0.2, 0.8, 0.4)]
    assert by_doubt(samples) == pytest.approx([0.85, 0.65, 0.4, 0.15])
    assert by_doubt(samples, 2) == pytest.approx([0.75, 0.275])


class Whole:
    """Answers with the whole picture, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, image: NDArray[np.uint8]) -> tuple[int, ...]:
        return image.shape[:2]

    def segment(self, shape: tuple[int, ...], texts: list[str]) -> list[SimpleNamespace]:
        self.asked += texts
        return [SimpleNamespace(mask=lambda: np.ones(shape, bool)) for _ in texts]


def test_several_things_are_asked_for_where_there_are_several() -> None:
    pair = scene_of([("cup", 0.2, 0.5, 14, "red"), ("cup", 0.8, 0.5, 14, "red"), ("dog", 0.5, 0.5, 14, "red")])
    predictor = Whole()
    answers = list(several(predictor, [scene_of([("dog", 0.5, 0.5, 14, "red")]), pair]))  # type: ignore[arg-type]
    assert len(answers) == len(predictor.asked) == 1 and "cups" in predictor.asked[0]
    mask, wanted = answers[0]
    assert mask.all() and np.array_equal(wanted, pair.union((0, 1)))
