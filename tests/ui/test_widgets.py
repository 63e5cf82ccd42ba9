import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from refseg.ui.examples import Example, examples_html, find_examples
from refseg.ui.figures import facts_html
from refseg.ui.heatmap import heatmap_html
from refseg.ui.why_maps import plain_map

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


def test_map_is_described_in_words() -> None:
    values = np.zeros((30, 30), np.float32)
    values[2, 27] = 0.8
    told = plain_map(values, np.zeros((30, 30, 3), np.uint8))
    assert told["where"] == "at the top right" and told["high"] == 0.8 and told["low"] == 0.0


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
