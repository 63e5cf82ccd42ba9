"""Files of explanations: names and keys are promises."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refseg.errors import InputError
from refseg.explain.record import explanation_entry, maps_of, write_explanation, write_explanations
from tests.explain.explained import answer, explanation
from tests.explain.markup import Page

MAPS = {
    "probability",
    "response",
    *(f"{kind}_level_{level}" for level in (1, 2, 3) for kind in ("word_00", "word_01", "memory_gate", "reset_gate")),
}


def test_an_entry_is_exactly_what_was_promised() -> None:
    assert explanation_entry(explanation(answer(("red", "ball")), ious=[0.25, 1.0])) == {
        "words": ["red", "ball"],
        "attention": [[0.333333, 0.666667]] * 3,
        "leave_one_out": [
            {"word": "red", "iou": 0.25, "presence_change": -0.25},
            {"word": "ball", "iou": 1.0, "presence_change": -0.25},
        ],
        "presence": 0.75,
    }
    alone = explanation_entry(explanation(answer(("ball",), presence=None), ious=[0.0]))
    assert alone["presence"] is None and alone["leave_one_out"] == [
        {"word": "ball", "iou": 0.0, "presence_change": None}
    ]


def test_maps_hold_the_values_at_the_size_the_network_saw() -> None:
    found = answer(("red", "ball"), image=np.zeros((300, 600, 3), np.uint8))
    maps = dict(maps_of(found))
    assert set(maps) == MAPS
    assert {values.shape for values in maps.values()} == {(32, 64)}
    np.testing.assert_allclose(maps["word_00_level_2"] + maps["word_01_level_2"], 1, atol=1e-5)
    np.testing.assert_allclose(maps["reset_gate_level_3"], 0.6, atol=1e-6)
    assert all(values.min() >= 0 and values.max() <= 1 for values in maps.values())
    assert next(maps_of(answer(image=np.zeros((10, 20, 3), np.uint8))))[1].shape == (10, 20)


def test_one_expression(tmp_path: Path) -> None:
    why = explanation(answer(("red", "ball")))
    write_explanation(tmp_path / "a" / "b", why, image_name="photo.jpg", model="tiny")
    folder = tmp_path / "a" / "b"
    assert {path.name for path in folder.iterdir()} == {"explain.json", "maps", "report.html"}
    assert {path.stem for path in (folder / "maps").iterdir()} == MAPS
    assert json.loads((folder / "explain.json").read_text(encoding="utf-8")) == explanation_entry(why)
    with Image.open(folder / "maps" / "word_01_level_1.png") as picture:
        assert picture.mode == "L"
        values = np.asarray(picture) / 255
    np.testing.assert_allclose(values, dict(maps_of(why.segmentation))["word_01_level_1"], atol=0.5 / 255 + 1e-6)


def test_several_expressions(tmp_path: Path) -> None:
    whys = [explanation(answer(("red", "ball"))), explanation(answer(("<b>", "ball"), presence=0.1))]
    told: list[tuple[int, int]] = []
    masks = [why.segmentation.mask() for why in whys]
    write_explanations(
        tmp_path, whys, masks, image_name="photo.jpg", model="tiny", progress=lambda *count: told.append(count)
    )
    assert told == [(1, 2), (2, 2)]
    entries = [explanation_entry(why) for why in whys]
    assert json.loads((tmp_path / "explain.json").read_text(encoding="utf-8")) == {"explanations": entries}
    for number, entry in enumerate(entries):
        folder = tmp_path / "explain" / f"{number:03d}"
        assert json.loads((folder / "explain.json").read_text(encoding="utf-8")) == entry
        assert {path.stem for path in (folder / "maps").iterdir()} == MAPS
    overview = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    links = [link["href"] for link in overview.all("a")]
    assert links == ["explain/000/report.html", "explain/001/report.html"] and all(
        (tmp_path / link).is_file() for link in links
    )
    assert "Maybe not in this image" in overview.text and "0.0% of the image" in overview.text


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="cannot write"):
        write_explanation(tmp_path / "file", explanation(answer()), image_name="photo.jpg", model="tiny")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"
