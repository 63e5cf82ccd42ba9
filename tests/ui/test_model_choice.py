"""Several models on one page: a choice appears, and each answer comes from the chosen one."""

from typing import Any

import gradio as gr
import numpy as np
import pytest
from numpy.typing import NDArray

from refseg.errors import InputError
from refseg.inference.model_library import ModelLibrary
from refseg.inference.predictor import Predictor
from refseg.language import Vocabulary
from refseg.ui.model_runner import ModelRunner
from refseg.ui.page_model import load_page_models
from tests.ui.conftest import Build


@pytest.fixture
def predictors(tiny_predictor: Predictor, tiny_vocabulary: Vocabulary) -> dict[str, Predictor]:
    other = Predictor(
        tiny_predictor._system, tiny_vocabulary, device="cpu", precision="float32", name="other", threshold=0.4
    )
    return {"first": tiny_predictor, "second": other}


def dropdowns(demo: gr.Blocks) -> list[Any]:
    return [block for block in demo.blocks.values() if getattr(block, "elem_id", None) == "rs-model-choice"]


def test_a_choice_appears_only_with_more_than_one_model(build: Build, predictors: dict[str, Predictor]) -> None:
    assert not dropdowns(build(predictors["first"], image_examples=[], video_examples=[]))
    (choice,) = dropdowns(build(predictors, image_examples=[], video_examples=[]))
    assert [value for _, value in choice.choices] == ["first", "second"] and choice.value == "first"


def test_where_the_host_runs_the_model_there_is_no_choice(build: Build, predictors: dict[str, Predictor]) -> None:
    assert not dropdowns(build(predictors, image_examples=[], video_examples=[], compute=lambda image, texts: []))


def test_each_answer_comes_from_the_chosen_model(
    predictors: dict[str, Predictor], sample_image: NDArray[np.uint8]
) -> None:
    runner = ModelRunner(predictors)
    first = runner.run(sample_image, "the red circle")
    second = runner.run(sample_image, "the red circle", first.encoded, "second")
    again = runner.run(sample_image, "the dog", second.encoded, "second")
    assert first.segmentation.threshold == 0.5 and second.segmentation.threshold == 0.4
    assert not second.reused and again.reused  # features of another model are not used
    assert runner.predictor_of(second.encoded).name == "other" and runner.predictor_of(None) is predictors["first"]
    with pytest.raises(InputError, match="no model 'third' here, expected one of first, second"):
        runner.run(sample_image, "the dog", None, "third")


def test_a_library_loads_the_chosen_model_when_it_is_used(
    predictors: dict[str, Predictor], sample_image: NDArray[np.uint8]
) -> None:
    library = ModelLibrary({name: (lambda name=name: predictors[name]) for name in predictors})
    runner = ModelRunner(library)
    runner.run(sample_image, "the dog")
    assert library.loaded == ("first",)
    runner.run(sample_image, "the dog", None, "second")
    assert library.loaded == ("first", "second")


def test_the_models_of_the_page_are_named_in_a_list(tiny_checkpoint: Any) -> None:
    models, notice = load_page_models(f"mine={tiny_checkpoint}, other={tiny_checkpoint}")
    assert models.names == ("mine", "other") and notice is None
    assert models.get("other").config == models.get().config
