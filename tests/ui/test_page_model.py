"""The page's model: it alone may fall back to the embedded one, and says so to every visitor."""

from collections.abc import Callable

import gradio as gr
import pytest

import refseg
from refseg.errors import CheckpointError, HubError, UnreachableError
from refseg.ui import load_page_model
from tests.ui.fakes import FakePredictor


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """What `Predictor.load` was asked for; three names fail, each in its own way."""
    asked: list[str | None] = []
    errors = {
        "far/away": UnreachableError("cannot reach the Hub"),
        "no/such": HubError("no repository"),
        "odd": CheckpointError("no model"),
    }

    class Stub(FakePredictor):
        @classmethod
        def load(cls, model: str | None = None) -> "Stub":
            asked.append(model)
            if model in errors:
                raise errors[model]
            return cls(name=model or "embedded")

    monkeypatch.setattr(refseg, "Predictor", Stub, raising=False)
    return asked


@pytest.mark.parametrize(("model", "name"), [(None, "embedded"), ("", "embedded"), ("user/model@v1", "user/model@v1")])
def test_a_model_that_loads_needs_no_notice(loaded: list[str | None], model: str | None, name: str) -> None:
    predictor, notice = load_page_model(model)
    assert (predictor.name, notice, loaded) == (name, None, [model or None])


def test_an_unreachable_model_is_replaced_and_the_page_says_so(
    loaded: list[str | None], build: Callable[..., gr.Blocks], caplog: pytest.LogCaptureFixture
) -> None:
    predictor, notice = load_page_model("far/away")
    assert predictor.name == "embedded" and loaded == ["far/away", None] and "cannot reach the Hub" in caplog.text
    assert notice is not None and "far/away" in notice and "embedded model answers instead" in notice
    banner = [
        block
        for block in build(predictor, notice=notice, image_examples=[], video_examples=[]).blocks.values()
        if block.elem_id == "rs-notice"
    ]
    assert len(banner) == 1 and notice in banner[0].value and "rs-warning" in banner[0].value
    plain = build(predictor, image_examples=[], video_examples=[])
    assert not any(block.elem_id == "rs-notice" for block in plain.blocks.values())


def test_the_banner_escapes_the_models_name(build: Callable[..., gr.Blocks]) -> None:
    demo = build(FakePredictor(), notice="<b>x</b>", image_examples=[], video_examples=[])
    (banner,) = (block for block in demo.blocks.values() if block.elem_id == "rs-notice")
    assert "<b>" not in banner.value and "&lt;b&gt;" in banner.value


@pytest.mark.parametrize("model", ["no/such", "odd"])
def test_a_model_that_does_not_exist_stops_the_page(loaded: list[str | None], model: str) -> None:
    with pytest.raises((HubError, CheckpointError)):
        load_page_model(model)
    assert loaded == [model]
