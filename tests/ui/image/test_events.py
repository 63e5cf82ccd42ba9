import gc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from refseg.errors import ExpressionError
from refseg.ui.examples import Example
from refseg.ui.image.events import EMPTY, ImageEvents
from refseg.ui.messages import INTERNAL_ERROR, NO_EXPRESSION, NO_IMAGE
from refseg.ui.model_runner import ModelRunner
from refseg.ui.session import ImageSession, SessionFolder, close_session
from refseg.ui.why.events import WhyEvents
from tests.ui.fakes import FakePredictor

ATTACK = '<img src=x onerror="alert(1)">'


def page_around(runner: ModelRunner, examples: Sequence[Example] = ()) -> ImageEvents:
    return ImageEvents(runner, WhyEvents(runner), examples)


@pytest.fixture
def predictor() -> FakePredictor:
    return FakePredictor()


@pytest.fixture
def page(predictor: FakePredictor) -> ImageEvents:
    return page_around(ModelRunner(predictor))  # type: ignore[arg-type]


@pytest.fixture
def upload(tmp_path: Path) -> dict[str, Any]:
    """A gray image with a red square, as an upload."""
    image = np.full((40, 60, 3), 128, np.uint8)
    image[10:20, 10:30] = (200, 30, 30)
    path = tmp_path / "scene.png"
    Image.fromarray(image).save(path)
    return {"path": str(path), "orig_name": "my scene.png"}


def segment(page: ImageEvents, upload: Any, expression: Any, session: ImageSession | None = None) -> Any:
    return page.segment(upload, expression, 0.5, False, session)


def test_an_image_is_encoded_once_for_many_expressions(
    page: ImageEvents, predictor: FakePredictor, upload: dict[str, Any]
) -> None:
    opened = page.open_image(upload, None)
    assert opened is not None
    session = opened.session
    for expression in ("the red ball", "the blue ball"):
        session = segment(page, upload, expression, session).session
    assert predictor.calls == {"encode": 1, "segment": 2}


def test_opening_twice_or_nothing_changes_nothing(
    page: ImageEvents, predictor: FakePredictor, upload: dict[str, Any]
) -> None:
    session = segment(page, upload, "the red ball").session
    assert page.open_image(upload, session) is None and page.open_image(None, None) is None
    assert predictor.calls["encode"] == 1


def test_only_uploaded_files_are_opened(
    page: ImageEvents,
    predictor: FakePredictor,
    upload: dict[str, Any],
    upload_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    elsewhere = upload_folder / "uploads"
    elsewhere.mkdir()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(elsewhere))
    for path in (upload["path"], f"{elsewhere}/../scene.png", "/no/such/file.png", "a\0b", ["x"], "x" * 5000):
        opened = page.open_image({"path": path}, None)
        assert opened is not None and opened.session is None and opened.result == EMPTY
        assert ("not among the uploads" in opened.messages) == (isinstance(path, str) and len(path) < 1000), (
            "the same message whether the file exists or not"
        )
        assert segment(page, {"path": path}, "the red ball").result == EMPTY
    (elsewhere / "link.png").symlink_to(upload["path"])
    assert "not among the uploads" in segment(page, {"path": str(elsewhere / "link.png")}, "the red ball").messages
    assert predictor.calls["encode"] == 0 and predictor.calls["segment"] == 0


def test_removing_the_image_clears_the_page(page: ImageEvents, upload: dict[str, Any]) -> None:
    session = segment(page, upload, "the red ball").session
    shown = page.open_image(None, session)
    assert shown is not None and shown.session is None and shown.result == EMPTY and shown.messages == ""


def test_segment_without_opening_first_works(page: ImageEvents, upload: dict[str, Any]) -> None:
    shown = segment(page, upload, "the red ball")
    assert shown.result["state"] == "mask" and shown.session.segmentation.mask().sum() == 200
    assert "60 × 40" in shown.facts and shown.messages == ""
    assert shown.why["heatmap"].count("rs-cell") == 9 and shown.why["words"] == ["the", "red", "ball"]


def test_another_image_starts_a_new_session(
    page: ImageEvents, predictor: FakePredictor, upload: dict[str, Any], tmp_path: Path
) -> None:
    first = segment(page, upload, "the red ball").session
    other = tmp_path / "other.png"
    Image.new("RGB", (8, 8), (30, 70, 190)).save(other)
    shown = segment(page, {"path": str(other)}, "the blue ball", first)
    assert shown.session is not first and shown.session.image.shape == (8, 8, 3) and predictor.calls["encode"] == 2


@pytest.mark.parametrize("upload", [None, {}, {"path": None}])
def test_no_image(page: ImageEvents, upload: Any) -> None:
    shown = segment(page, upload, "the red ball")
    assert NO_IMAGE in shown.messages and shown.result == EMPTY


@pytest.mark.parametrize("expression", ["", " \n ", None, 7])
def test_blank_expression(page: ImageEvents, upload: dict[str, Any], expression: Any) -> None:
    shown = segment(page, upload, expression)
    assert NO_EXPRESSION in shown.messages and shown.result["state"] == "image"


@pytest.mark.parametrize("content", [b"not an image at all", b"", b"\x89PNG\r\n\x1a\n broken"])
def test_corrupt_file_is_one_sentence(page: ImageEvents, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "evil.jpg"
    path.write_bytes(content)
    for shown in (page.open_image({"path": str(path)}, None), segment(page, {"path": str(path)}, "the red ball")):
        assert shown is not None and shown.session is None and shown.messages.count('role="alert"') == 1
        assert INTERNAL_ERROR not in shown.messages and "Traceback" not in shown.messages


def test_a_deleted_upload_has_to_be_chosen_again(page: ImageEvents, upload: dict[str, Any]) -> None:
    session = segment(page, upload, "the red ball").session
    Path(upload["path"]).unlink()
    assert segment(page, upload, "the red ball", session).messages == ""
    assert "Choose it again" in segment(page, upload, "the red ball").messages


def test_a_result_is_removed_with_its_expression(page: ImageEvents, upload: dict[str, Any]) -> None:
    session = segment(page, upload, "the red ball").session
    shown = segment(page, upload, "", session)
    assert shown.session.segmentation is None and shown.result["state"] == "image"


def test_errors_of_the_user_are_shown_and_others_are_not(
    page: ImageEvents,
    predictor: FakePredictor,
    upload: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_: Any) -> Any:
        raise ExpressionError("the expression has only symbols, expected at least one word: type some")

    monkeypatch.setattr(predictor, "segment", refuse)
    assert "only symbols" in segment(page, upload, "🙂").messages
    monkeypatch.setattr(predictor, "segment", lambda *_: 1 / 0)
    shown = segment(page, upload, "the red ball")
    assert (
        INTERNAL_ERROR in shown.messages and "ZeroDivision" not in shown.messages and "ZeroDivisionError" in caplog.text
    )


def test_user_text_is_escaped_everywhere(page: ImageEvents, upload: dict[str, Any]) -> None:
    shown = segment(page, upload, f"the red {ATTACK} ${{alert(1)}} {{{{constructor}}}}")
    for html in (shown.messages, shown.facts, shown.why["heatmap"]):
        assert "<img src=x" not in html


def test_unknown_words_offer_known_ones(page: ImageEvents, upload: dict[str, Any]) -> None:
    shown = segment(page, upload, "the blu ball")
    assert 'data-word="blu"' in shown.messages and 'data-replacement="blue"' in shown.messages
    assert page.choose_word("the Blu ball", {"word": "blu", "replacement": "blue"}) == "the blue ball"


def test_refining_does_not_run_the_model(page: ImageEvents, predictor: FakePredictor, upload: dict[str, Any]) -> None:
    session = segment(page, upload, "the red ball").session
    before = dict(predictor.calls)
    assert page.refine(0.5, True, session)["refined"].startswith("data:image/png")
    assert page.refine(0.5, False, session)["refined"] is None
    assert page.refine(0.5, True, None) == EMPTY
    assert predictor.calls == before


def test_examples_can_be_chosen_and_others_cannot(predictor: FakePredictor, upload: dict[str, Any]) -> None:
    page = page_around(ModelRunner(predictor), [Example(Path(upload["path"]), "the red ball")])  # type: ignore[arg-type]
    image, text = page.choose_example({"number": "0"})
    assert image is not None and image.shape == (40, 60, 3) and text == "the red ball"
    for number in ("1", "-1", "x", None):
        assert page.choose_example({"number": number}) == (None, "")


def test_a_large_image_is_reduced_for_the_browser_only(page: ImageEvents, tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    Image.new("RGB", (2000, 1000), (200, 30, 30)).save(path)
    shown = segment(page, {"path": str(path)}, "the red ball")
    assert (shown.result["width"], shown.result["height"]) == (1600, 800)
    assert shown.session.segmentation.probability.shape == (1000, 2000)


def test_a_remote_model_gets_numpy_and_caches_nothing(predictor: FakePredictor, upload: dict[str, Any]) -> None:
    seen: list[Any] = []

    def compute(image: Any, expressions: Any) -> Any:
        seen.append((type(image), list(expressions)))
        return predictor.segment(predictor.encode(image), expressions)  # type: ignore[arg-type]

    page = page_around(ModelRunner(predictor, compute))  # type: ignore[arg-type]
    opened = page.open_image(upload, None)
    assert opened is not None
    session = opened.session
    shown = segment(page, upload, "the red ball", session)
    assert session is not None and session.encoded is None and shown.session.encoded is None
    assert seen == [(np.ndarray, ["the red ball"])]


def test_folder_goes_with_the_last_session() -> None:
    session = ImageSession("a", "a.png", np.zeros((2, 2, 3), np.uint8))
    path = session.folder.file("mask.png")
    path.write_bytes(b"x")
    later = session.with_segmentation(None)
    del session
    gc.collect()
    assert path.exists()
    del later
    gc.collect()
    assert not path.parent.exists()


def test_close_session_removes_files_and_takes_none() -> None:
    session = ImageSession("a", "a.png", np.zeros((2, 2, 3), np.uint8), folder=SessionFolder())
    path = session.folder.file("mask.png")
    path.write_bytes(b"x")
    close_session(session)
    assert not path.parent.exists()
    close_session(None)
