"""Figures: what they show, and files that are whole, the same each time, and hold their text as text."""

import sys
import warnings
import xml.etree.ElementTree as ET
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from refseg.errors import InputError
from refseg.explain.figures import FORMATS, attention_figure, left_out_figure, maps_figure, save_figure
from tests.explain.explained import answer, explanation

HOSTILE = r"$\frac{$<svg x=1>&"
TEXT = "{http://www.w3.org/2000/svg}text"


def texts(figure: Figure) -> list[str]:
    """Everything written in a figure, as drawn."""
    figure.draw_without_rendering()
    return [text.get_text() for text in figure.findobj(mpl.text.Text) if text.get_visible() and text.get_text()]


def written(path: Path) -> list[str]:
    """The texts in an SVG file, as text."""
    return ["".join(element.itertext()) for element in ET.fromstring(path.read_bytes()).iter(TEXT)]  # noqa: S314


def test_the_heatmap_shows_the_shares_of_eq_4() -> None:
    attention = np.array([[0.25, 0.75], [0.5, 0.5], [0.9, 0.1]], np.float32)
    figure = attention_figure(["red", "ball"], attention)
    (image,) = figure.axes[0].get_images()
    np.testing.assert_allclose(image.get_array(), attention)
    assert image.get_clim() == pytest.approx((0, 0.9))
    said = texts(figure)
    assert {"red", "ball", "early features", "middle features", "late features"} <= set(said)
    assert [text for text in said if text in ("0.25", "0.75", "0.50", "0.90", "0.10")] == [
        "0.25",
        "0.75",
        "0.50",
        "0.50",
        "0.90",
        "0.10",
    ]


def test_unknown_words_are_named_once() -> None:
    figure = attention_figure(["florp", "ball", "florp"], np.full((3, 3), 1 / 3), unknown=["florp"])
    assert "not in the vocabulary: florp" in texts(figure)
    assert not any("vocabulary" in text for text in texts(attention_figure(["ball"], np.ones((3, 1)))))


@pytest.mark.parametrize("shape", [(3, 4), (3,), (0, 2), (3, 0)])
def test_another_size_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(levels, \d\)"):
        attention_figure([] if shape == (3, 0) else ["a", "b"], np.zeros(shape))


def test_words_left_out_are_ranked() -> None:
    why = explanation(answer(("the", "red", "ball")), ious=[1.0, 0.2, 0.6])
    axes = left_out_figure(why).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["red", "ball", "the"]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([0.8, 0.4, 0.0])
    assert texts(axes.figure).count("\u22120.25") == 3
    assert "\u2013" in texts(left_out_figure(explanation(answer(("ball",)))))


def test_the_sheet_holds_every_map() -> None:
    found = answer(("red", "ball"))
    sheet = maps_figure(found)
    assert len([axes for axes in sheet.axes if axes.get_images()]) == 3 + 3 * (2 + 2)
    titles = [axes.get_title() for axes in sheet.axes if axes.get_title()]
    assert titles == ["mask", "probability", "response", "red", "ball", "memory gate, 0 to 1", "reset gate, 0 to 1"]
    assert maps_figure(answer(presence=0.1)).axes[0].get_title() == "mask: empty"
    assert maps_figure(answer(presence=0.1), threshold=0.5).axes[0].get_title() == "mask"


def test_the_maps_of_a_large_picture_are_small() -> None:
    large = np.zeros((1500, 2000, 3), np.uint8)
    shown = [image.get_array().shape for axes in maps_figure(answer(image=large)).axes for image in axes.get_images()]
    assert set(shown) == {(240, 320, 3)}


@pytest.mark.parametrize("shape", [(1, 3000, 3), (3000, 1, 3)])
def test_strips_fit_on_a_sheet(shape: tuple[int, int, int]) -> None:
    width, height = maps_figure(answer(image=np.zeros(shape, np.uint8))).get_size_inches()
    assert 1 < width < 20 and 0.5 < height < 20


def test_files_hold_text_and_no_date_and_are_the_same_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in FORMATS:
        first, second = (tmp_path / f"{name}.{kind}" for name in ("here", "later"))
        for path, seconds in ((first, "1000000000"), (second, "1500000000")):
            monkeypatch.setenv("SOURCE_DATE_EPOCH", seconds)
            save_figure(attention_figure(["dog", "café"], np.full((3, 2), 0.5)), path)
        assert first.read_bytes() == second.read_bytes(), f"{kind} differs"
        assert b"Date" not in first.read_bytes() and b"dc:date" not in first.read_bytes()
    said = written(tmp_path / "here.svg")
    assert "dog" in said and "café" in said
    assert (
        b"/FontFile2" in (tmp_path / "here.pdf").read_bytes() and b"/Type3" not in (tmp_path / "here.pdf").read_bytes()
    )
    with Image.open(tmp_path / "here.png") as picture:
        assert picture.width > 400


def test_hostile_and_foreign_words_are_drawn_as_they_are(tmp_path: Path) -> None:
    words = [HOSTILE, "木", "a" * 60]
    found = answer(words, unknown=words)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, figure in {
            "attention": attention_figure(words, found.word_attention, words),
            "left_out": left_out_figure(explanation(found)),
            "maps": maps_figure(found),
        }.items():
            for kind in FORMATS if name == "attention" else ["svg"]:
                save_figure(figure, tmp_path / f"{name}.{kind}")
    assert HOSTILE in written(tmp_path / "attention.svg")


def test_places_and_names_that_cannot_be_used(tmp_path: Path) -> None:
    figure = attention_figure(["ball"], np.ones((3, 1)))
    with pytest.raises(InputError, match=r"ends in \.png, \.svg or \.pdf"):
        save_figure(figure, tmp_path / "figure.gif")
    with pytest.raises(InputError, match="cannot write"):
        save_figure(figure, tmp_path / "nowhere" / "figure.png")
    assert list(tmp_path.iterdir()) == []


def test_pyplot_is_never_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    for kind in FORMATS:
        save_figure(left_out_figure(explanation(answer())), tmp_path / f"figure.{kind}")


def test_the_settings_of_the_process_are_left_alone(tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    save_figure(attention_figure(["ball"], np.ones((3, 1))), tmp_path / "figure.svg")
    assert dict(mpl.rcParams) == before
