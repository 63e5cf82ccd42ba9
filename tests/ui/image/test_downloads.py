import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from refseg.errors import UnavailableError
from refseg.ui.image.downloads import ImageDownloads
from refseg.ui.messages import NO_RESULT
from refseg.ui.session import ImageSession
from tests.ui.fakes import FakePredictor


@pytest.fixture
def session() -> ImageSession:
    image = np.full((40, 60, 3), 128, np.uint8)
    image[10:20, 10:30] = (200, 30, 30)
    predictor = FakePredictor()
    (found,) = predictor.segment(predictor.encode(image), ["the réd red ball"])
    return ImageSession("/uploads/a.png", "a.png", image, segmentation=found)  # type: ignore[arg-type]


def test_mask_is_8_bit_at_the_pictures_own_size(session: ImageSession) -> None:
    path, _ = ImageDownloads("m").save_mask(0.5, False, session)
    mask = Image.open(str(path))
    assert mask.mode == "L" and mask.size == (60, 40)
    assert (np.asarray(mask) > 0).sum() == 200 and set(np.unique(mask)) == {0, 255}


def test_overlay_paints_inside_the_mask_only(session: ImageSession) -> None:
    path, _ = ImageDownloads("m").save_overlay(0.5, False, 1.0, "#00ff00", False, session)
    pixels = np.asarray(Image.open(str(path)))
    assert tuple(pixels[15, 20]) == (0, 255, 0) and tuple(pixels[0, 0]) == (128, 128, 128)


def test_result_has_the_command_lines_schema(session: ImageSession) -> None:
    path, _ = ImageDownloads("model@1").save_result(0.5, False, session)
    text = Path(str(path)).read_text(encoding="utf-8")
    record = json.loads(text)
    (entry,) = record["segmentations"]
    assert (
        set(record) == {"image", "model", "segmentations"}
        and record["image"] == "a.png"
        and record["model"] == "model@1"
    )
    keys = {
        "expression",
        "tokens",
        "unknown",
        "truncated",
        "mask",
        "threshold",
        "peak",
        "area_fraction",
        "word_attention",
    }
    keys |= {"presence", "verdict", "confidence", "uncertainty", "refined", "gate", "skipped"}
    assert set(entry) == keys and entry["area_fraction"] == pytest.approx(200 / 2400, abs=1e-6)
    assert np.shape(entry["word_attention"]) == (3, 4) and "réd" in text


def test_result_says_that_it_was_refined_and_that_a_part_was_chosen(session: ImageSession) -> None:
    path, _ = ImageDownloads("m").save_result(0.5, True, session.with_candidate(np.ones((40, 60), bool)))
    (entry,) = json.loads(Path(str(path)).read_text(encoding="utf-8"))["segmentations"]
    assert entry["refined"] is True and [step["step"] for step in entry["skipped"]] == ["parts"]


def test_saving_again_replaces_the_file(session: ImageSession) -> None:
    downloads = ImageDownloads("m")
    first, _ = downloads.save_mask(0.5, False, session)
    second, _ = downloads.save_mask(0.999, False, session)
    assert first == second and len(list(Path(str(first)).parent.iterdir())) == 1


@pytest.mark.parametrize("session", [None, ImageSession("a", "a", np.zeros((2, 2, 3), np.uint8))])
def test_nothing_to_save(session: ImageSession | None) -> None:
    downloads = ImageDownloads("m")
    for path, message in (downloads.save_mask(0.5, False, session), downloads.save_result(0.5, False, session)):
        assert path is None and NO_RESULT in message


def test_what_is_not_installed_is_said(session: ImageSession, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise UnavailableError("refinement needs pydensecrf2: install it")

    monkeypatch.setattr(type(session.segmentation), "mask", refuse)
    path, message = ImageDownloads("m").save_mask(0.5, True, session)
    assert path is None and "pydensecrf2" in message
