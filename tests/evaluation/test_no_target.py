"""Expressions about what is not there: which are borrowed, and how answers to them are summed up."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refseg.data.refcoco import RefCocoDataset, read_refcoco
from refseg.errors import DataError
from refseg.evaluation.no_target import PresenceSamples, no_target_expressions, presence_samples, summarize_no_target


@pytest.fixture
def dataset(tmp_path: Path) -> RefCocoDataset:
    """A cup in a, a dog in b, a cup and a dog (unmentioned) in c."""
    (tmp_path / "images").mkdir()
    images, annotations, refs = [], [], []
    things = {1: [("cup", "the red cup")], 2: [("dog", "the dog")], 3: [("cup", "cup on the left"), ("dog", None)]}
    numbers = {"cup": 1, "dog": 2}
    for picture, held in things.items():
        Image.fromarray(np.full((20, 30, 3), 90, np.uint8)).save(tmp_path / "images" / f"{picture}.png")
        images.append({"id": picture, "file_name": f"{picture}.png", "width": 30, "height": 20, "split": "val"})
        for category, text in held:
            key = len(annotations) + 1
            polygon = [[2, 2, 10, 2, 10, 10, 2, 10]]
            annotations.append(
                {"id": key, "image_id": picture, "category_id": numbers[category], "segmentation": polygon}
            )
            if text:
                refs.append({"ref_id": key, "ann_id": key, "sentences": [{"sent": text}]})
    categories = [{"id": number, "name": name} for name, number in numbers.items()]
    (tmp_path / "instances.json").write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": categories})
    )
    (tmp_path / "expressions.json").write_text(json.dumps(refs))
    return read_refcoco(tmp_path, "val")


@dataclass
class Answer:
    presence: float | None
    no_target: bool = False


class Predictor:
    """Believes in cups only; counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def encode(self, image: np.ndarray) -> None:
        assert image.shape == (20, 30, 3)

    def segment(self, encoded: None, expressions: list[str]) -> list[Answer]:
        self.asked.append(expressions)
        return [Answer(0.9) if "cup" in text else Answer(0.2, no_target=True) for text in expressions]


def test_only_what_is_not_there_is_borrowed(dataset: RefCocoDataset) -> None:
    generator = np.random.default_rng(0)
    borrowed = [set(no_target_expressions(dataset, image, 9, generator)) for image in dataset.images]
    assert borrowed == [{"the dog"}, {"the red cup", "cup on the left"}, set()]
    assert len(no_target_expressions(dataset, dataset.images[1], 1, generator)) == 1


def test_samples_and_summary(dataset: RefCocoDataset) -> None:
    predictor = Predictor()
    samples = presence_samples(predictor, dataset, per_image=2)
    assert sorted(map(len, predictor.asked)) == [1, 2, 3]
    figures = summarize_no_target(samples)
    assert (figures["present"], figures["absent"]) == (3, 3)
    assert figures["empty"] == pytest.approx(1 / 3)  # "the dog" of a; the cups in b are believed
    assert figures["false_alarms"] == pytest.approx(1 / 3)  # "the dog" of b
    # two cups and a dog are there, a dog and two cups are not: of nine pairs two rank right, five tie, two rank wrong
    assert figures["ranking"] == pytest.approx((2 + 5 / 2) / 9)
    filled = {row["from"]: row for row in figures["calibration"] if row["n"]}
    assert (
        set(filled) == {0.2, 0.9}
        and filled[0.2]["mean"] == pytest.approx(0.2)
        and filled[0.9]["there"] == pytest.approx(0.5)
    )
    assert figures["error"] == pytest.approx(1 / 3 * 0.3 + 2 / 3 * 0.4)


def test_a_perfect_score_has_no_error() -> None:
    there = np.array([True] * 5 + [False] * 5)
    figures = summarize_no_target(PresenceSamples(there.astype(float), ~there, there, np.arange(10)))
    assert (figures["empty"], figures["false_alarms"], figures["ranking"], figures["error"]) == (1, 0, 1, 0)


def test_a_model_without_the_score(dataset: RefCocoDataset) -> None:
    predictor = Predictor()
    predictor.segment = lambda encoded, expressions: [Answer(None) for _ in expressions]  # type: ignore[method-assign]
    with pytest.raises(DataError, match="no presence score"):
        presence_samples(predictor, dataset)
