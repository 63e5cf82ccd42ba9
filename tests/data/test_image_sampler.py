"""Pictures are drawn by weight from what there is, and measured once."""

import numpy as np
import pytest

from refseg.data import image_sampler
from refseg.data.expression_mix import ExpressionChooser
from refseg.data.image_sampler import ATTEMPTS, ImageSampler
from refseg.data.object_attributes import SceneAttributes, measure
from refseg.data.scenes import Scene, SceneReferent
from refseg.errors import DataError
from tests.data.scenery import scene_of


def dog(colour: str) -> Scene:
    return scene_of([("dog", 0.5, 0.5, 40, colour)], referents=(SceneReferent(0, (f"{colour} dog",)),))


@pytest.fixture
def chooser() -> ExpressionChooser:
    return ExpressionChooser({"natural": 1.0})


def test_sources_without_pictures_or_weight_are_left_out(chooser: ExpressionChooser) -> None:
    drawn = ImageSampler([([dog("red")], 1.0), ([], 5.0), ([dog("blue")], 0.0), ([dog("green")], 3.0)], chooser)
    rng = np.random.default_rng(0)
    texts = [choices[0].text for _, choices in (drawn.pick(1, rng) for _ in range(200))]
    assert len(drawn) == 2 and set(texts) == {"red dog", "green dog"}
    assert texts.count("green dog") / len(texts) == pytest.approx(0.75, abs=0.1)
    assert not ImageSampler([], chooser)


def test_a_picture_is_measured_once_and_drawn_as_before(
    chooser: ExpressionChooser, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[Scene] = []

    def counted(scene: Scene) -> SceneAttributes:
        measured.append(scene)
        return measure(scene)

    monkeypatch.setattr(image_sampler, "measure", counted)
    drawn = ImageSampler([([dog("red"), dog("blue")], 1.0)], chooser)
    first = [drawn.pick(2, np.random.default_rng(step))[1] for step in range(10)]
    assert [drawn.pick(2, np.random.default_rng(step))[1] for step in range(10)] == first
    assert len(measured) == 2


def test_pictures_of_which_nothing_can_be_said_are_passed_over(chooser: ExpressionChooser) -> None:
    silent = scene_of([])
    scene, choices = ImageSampler([([silent, dog("red")], 1.0)], chooser).pick(3, np.random.default_rng(0))
    assert scene.objects and len(choices) == 3
    with pytest.raises(DataError, match=f"{ATTEMPTS} images in a row without any expression"):
        ImageSampler([([silent], 1.0)], chooser).pick(1, np.random.default_rng(0))
