"""Figures of the model card: quality by uncertainty, and expressions about several objects."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.card import Sample, answer_plurals, iou_by_uncertainty
from tests.data.scenery import scene_of


def sample(uncertainty: float, overlap: float) -> Sample:
    return Sample(Path("photo.jpg"), "the dog", np.zeros((2, 2), bool), overlap, False, uncertainty)


def test_quarters_are_sorted_from_most_to_least_certain() -> None:
    samples = [sample(value, 1 - value) for value in (0.9, 0.1, 0.5, 0.3, 0.7, 0.2, 0.8, 0.4)]
    assert iou_by_uncertainty(samples) == pytest.approx([0.85, 0.65, 0.4, 0.15])
    assert iou_by_uncertainty(samples, 2) == pytest.approx([0.75, 0.275])


class WholeImagePredictor:
    """Predictor whose masks are the whole image; records the expressions."""

    def __init__(self) -> None:
        self.expressions: list[str] = []

    def encode(self, image: NDArray[np.uint8]) -> tuple[int, ...]:
        return image.shape[:2]

    def segment(self, shape: tuple[int, ...], texts: list[str]) -> list[SimpleNamespace]:
        self.expressions += texts
        return [SimpleNamespace(mask=lambda: np.ones(shape, bool)) for _ in texts]


def test_plurals_need_several_objects_of_a_category() -> None:
    pair = scene_of([("cup", 0.2, 0.5, 14, "red"), ("cup", 0.8, 0.5, 14, "red"), ("dog", 0.5, 0.5, 14, "red")])
    predictor = WholeImagePredictor()
    answers = list(answer_plurals(predictor, [scene_of([("dog", 0.5, 0.5, 14, "red")]), pair]))  # type: ignore[arg-type]
    assert len(answers) == len(predictor.expressions) == 1 and "cups" in predictor.expressions[0]
    mask, target = answers[0]
    assert mask.all() and np.array_equal(target, pair.union((0, 1)))
