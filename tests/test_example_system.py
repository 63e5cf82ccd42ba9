"""The example system passes through everything: trained, saved, loaded, served on the page, in a clip and explained."""

from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from numpy.typing import NDArray

from refseg import Predictor
from refseg.data.refcoco import read_refcoco
from refseg.errors import UnavailableError
from refseg.evaluation.protocol import evaluate_refcoco
from refseg.explain import attention_at, explain
from refseg.explain.figures import maps_figure
from refseg.explain.record import explanation_entry, maps_of
from refseg.explain.report import report_html
from refseg.inference.checkpoint import load_checkpoint
from refseg.inference.result_record import segmentation_entry
from refseg.inference.video import VideoPredictor
from refseg.models import registry
from refseg.training.loop import train_from_recipe
from refseg.video.reader import Frame
from tests.example_system import ExampleConfig, ExampleSystem
from tests.training.conftest import data  # noqa: F401 - a fixture
from tests.ui.conftest import Build, build  # noqa: F401 - a fixture

RECIPE = """
from refseg.data.sources import SourceSpec
from refseg.training.recipe import Phase, Recipe
from tests.example_system import ExampleConfig

RECIPE = Recipe(
    name="example",
    network=ExampleConfig(image_size=64),
    sources=(SourceSpec("balls", 1.0),),
    phases=(
        Phase("all", steps=2, images=2, expressions=2, image_size=0, rate=1e-2, backbone_rate=1e-2, table_rate=1e-2),
    ),
)
"""


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "SYSTEMS", dict(registry.SYSTEMS))
    registry.register("example", ExampleConfig, ExampleSystem)


@pytest.fixture
def checkpoint(data: Path, tmp_path: Path) -> Path:  # noqa: F811 - the fixture
    recipe = tmp_path / "example.py"
    recipe.write_text(RECIPE, encoding="utf-8")
    return train_from_recipe(str(recipe), data, tmp_path / "run", device="cpu")


class Clip:
    """Three frames of the same image."""

    def __init__(self, image: NDArray[np.uint8]) -> None:
        self.image = image

    def frames(self) -> Iterator[Frame]:
        for number in range(3):
            yield Frame(number, number, number / 5, self.image)


def test_it_passes_through_everything(
    checkpoint: Path,
    data: Path,  # noqa: F811 - the fixture
    sample_image: NDArray[np.uint8],
    tmp_path: Path,
) -> None:
    system, _, config = load_checkpoint(checkpoint)
    assert isinstance(system, ExampleSystem) and config["system"] == "example" and system.config.channels == 16

    predictor = Predictor.load(checkpoint, device="cpu", precision="float32")
    encoded = predictor.encode(sample_image)
    (answer,) = predictor.segment(encoded, ["the red ball"])
    assert answer.probability.shape == sample_image.shape[:2] and answer.presence is None
    assert answer.word_attention is None and answer.word_maps is None and answer.response is not None
    assert {name: levels.shape for name, levels in answer.maps.items()} == {"fit": (1, 8, 8)}
    entry = segmentation_entry(answer, answer.mask(), "masks/000.png")
    assert entry["word_attention"] == [] and entry["presence"] is None

    results = list(VideoPredictor(predictor).run(Clip(sample_image), "the red ball"))  # type: ignore[arg-type]
    assert [result.window for result in results] == [(0, 0), (1, 1), (2, 2)]
    np.testing.assert_allclose(results[1].segmentation.logits, answer.logits, atol=1e-6)

    measured = evaluate_refcoco(predictor, read_refcoco(data / "balls", "val"))
    assert measured["n"] == 2


def test_it_is_explained_by_what_it_can_show(checkpoint: Path, sample_image: NDArray[np.uint8]) -> None:
    predictor = Predictor.load(checkpoint, device="cpu", precision="float32")
    encoded = predictor.encode(sample_image)
    explanation = explain(predictor, encoded, "the red ball")
    assert [word.text for word in explanation.left_out] == ["the", "red", "ball"]
    page = report_html(explanation, image_name="photo.png", model="example")
    assert "How well a position fits the words." in page and "gate" not in page and "attended" not in page
    assert explanation_entry(explanation)["attention"] == []
    assert [name for name, _ in maps_of(explanation.segmentation)] == ["probability", "response", "fit_level_1"]
    assert maps_figure(explanation.segmentation).axes
    with pytest.raises(UnavailableError, match="has no attention of single positions"):
        attention_at(predictor, encoded, "the red ball", 5, 5)


def test_it_is_served_on_the_page(checkpoint: Path, build: Build) -> None:  # noqa: F811
    demo = build(Predictor.load(checkpoint, device="cpu", precision="float32"), image_examples=[], video_examples=[])
    assert isinstance(demo, gr.Blocks)
