"""The table of Eq. 4: its numbers, shades and controls."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from refseg.explain.heatmap import heatmap_html

ATTACK = '<img src=x onerror="alert(1)">'


def link(level: int, word: int) -> tuple[str, str]:
    return "a", f'href="#map-{level}-{word}"'


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


def test_heatmap_holds_words_levels_and_numbers() -> None:
    attention = np.array([[0.25, 0.75], [0.5, 0.5], [0.9, 0.1]], dtype=np.float32)
    parser = Cells()
    parser.feed(heatmap_html(["red", "ball"], attention, (), link))
    assert parser.heads == ["red", "ball", "early features", "middle features", "late features"]
    assert parser.values == ["0.25", "0.75", "0.50", "0.50", "0.90", "0.10"]


def test_heatmap_shades_by_the_largest_share() -> None:
    shares = re.findall(r"--share:([\d.]+)", heatmap_html(["a", "b"], np.array([[0.2, 0.8]]), (), link))
    assert [float(share) for share in shares] == [0.25, 1.0]


def test_heatmap_escapes_and_marks_unknown_words() -> None:
    html = heatmap_html([ATTACK, "ball"], np.full((3, 2), 0.5), [ATTACK], link)
    assert "<img" not in html and html.count("rs-unknown") == 1


def test_heatmap_refuses_another_size() -> None:
    with pytest.raises(ValueError, match=r"\(levels, 2\).*\(3, 4\)"):
        heatmap_html(["a", "b"], np.zeros((3, 4)), (), link)


def test_each_cell_leads_to_its_own_map() -> None:
    html = heatmap_html(["red", "ball"], np.full((3, 2), 0.5), (), link)
    assert re.findall(r'href="#map-(\d)-(\d)"', html) == [
        (str(level), str(word)) for level in range(3) for word in range(2)
    ]
