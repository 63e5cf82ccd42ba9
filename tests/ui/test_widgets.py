import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from refseg.ui.examples import Example, examples_html, find_examples
from refseg.ui.figures import facts_html, map_html, place_of_maximum
from refseg.ui.heatmap import heatmap_html
from refseg.ui.pictures import coloured, grey_uri, jpeg_uri, legend_gradient, reduced_image, reduced_map, view_size

ATTACK = '<img src=x onerror="alert(1)">'


class Cells(HTMLParser):
    """The texts of a table's header and body cells."""

    def __init__(self) -> None:
        super().__init__()
        self.heads: list[str] = []
        self.values: list[str] = []
        self._in: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "th":
            self._in = self.heads
        elif tag == "td" and "rs-cell" in str(dict(attrs).get("class")):
            self._in = self.values

    def handle_endtag(self, tag: str) -> None:
        self._in = None if tag in ("th", "td") else self._in

    def handle_data(self, data: str) -> None:
        if self._in is not None:
            self._in.append(data)


def decode(uri: str) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(uri.split(",", 1)[1]), np.uint8)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED))


def test_heatmap_holds_words_levels_and_numbers() -> None:
    attention = np.array([[0.25, 0.75], [0.5, 0.5], [0.9, 0.1]], dtype=np.float32)
    parser = Cells()
    parser.feed(heatmap_html(["red", "ball"], attention))
    assert parser.heads == ["red", "ball", "early features", "middle features", "late features"]
    assert parser.values == ["0.25", "0.75", "0.50", "0.50", "0.90", "0.10"]


def test_heatmap_shades_by_the_largest_share() -> None:
    shares = re.findall(r"--share:([\d.]+)", heatmap_html(["a", "b"], np.array([[0.2, 0.8]])))
    assert [float(share) for share in shares] == [0.25, 1.0]


def test_heatmap_escapes_and_marks_unknown_words() -> None:
    html = heatmap_html([ATTACK, "ball"], np.full((3, 2), 0.5), unknown=[ATTACK])
    assert "<img" not in html and html.count("rs-unknown") == 1


def test_heatmap_refuses_another_size() -> None:
    with pytest.raises(ValueError, match=r"\(levels, 2\).*\(3, 4\)"):
        heatmap_html(["a", "b"], np.zeros((3, 4)))


@pytest.mark.parametrize(("size", "expected"), [((100, 50), (100, 50)), ((3200, 1600), (1600, 800)), ((1, 40000), (1, 1600))])
def test_view_size(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert view_size(*size) == expected


def test_reduced_keeps_small_pictures_untouched() -> None:
    image = np.zeros((20, 30, 3), np.uint8)
    assert reduced_image(image) is image
    assert reduced_image(image, 15).shape == (10, 15, 3)


def test_maps_and_pictures_are_reduced_alike() -> None:
    mask = np.zeros((40, 60), bool)
    mask[:, :20] = True
    picture = np.repeat(mask[..., None].astype(np.uint8) * 255, 3, axis=2)
    assert np.allclose(reduced_map(mask, 17), reduced_image(picture, 17)[..., 0] / 255, atol=1 / 255)


def test_grey_uri_keeps_values_to_one_level() -> None:
    values = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
    assert np.array_equal(decode(grey_uri(values)), np.arange(256, dtype=np.uint8).reshape(16, 16))
    assert set(np.unique(decode(grey_uri(np.eye(4, dtype=np.float32))))) == {0, 255}


def test_jpeg_uri_keeps_the_colour_order() -> None:
    red = np.full((16, 16, 3), (250, 10, 10), np.uint8)
    blue, _, channel = decode(jpeg_uri(red))[8, 8]
    assert channel > 230 and blue < 40


def test_map_colours_follow_the_legend() -> None:
    ramp = np.linspace(0, 1, 9, dtype=np.float32)[None]
    pixels = coloured(ramp, np.zeros((1, 9, 3), np.uint8), strength=1)[0]
    stops = re.findall(r"rgb\((\d+) (\d+) (\d+)\)", legend_gradient(9))
    assert [tuple(map(int, stop)) for stop in stops] == [tuple(map(int, pixel)) for pixel in pixels]


def test_map_is_described_in_words() -> None:
    values = np.zeros((30, 30), np.float32)
    values[2, 27] = 0.8
    html = map_html(ATTACK, "why", values, np.zeros((30, 30, 3), np.uint8))
    assert "highest at the top right" in html and "0.80" in html and ATTACK not in html


@pytest.mark.parametrize(("row", "column", "text"), [(15, 15, "in the middle"), (29, 15, "at the bottom"), (15, 0, "at the left")])
def test_place_of_maximum(row: int, column: int, text: str) -> None:
    values = np.zeros((30, 30))
    values[row, column] = 1
    assert place_of_maximum(values) == text


def test_facts_are_escaped() -> None:
    html = facts_html((480, 720), 0.5, 1.234, ATTACK, reused=True)
    assert "720 × 480" in html and "1.23 s" in html and "<img" not in html


def test_examples_are_only_those_present(tmp_path: Path) -> None:
    assert all(example.path.is_file() for example in find_examples())
    assert not any(tmp_path in example.path.parents for example in find_examples(tmp_path))


def test_drawn_examples_are_shown() -> None:
    drawn = [example for example in find_examples() if example.path.parent.name == "examples"]
    assert len(drawn) == 2
    html = examples_html([Example(drawn[0].path, ATTACK)])
    assert html.count("<img") == 1 and 'data-number="0"' in html


def test_no_examples_no_markup() -> None:
    assert examples_html([]) == ""
