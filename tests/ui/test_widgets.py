from pathlib import Path

import numpy as np

from refseg.ui.examples import Example, examples_html, find_image_examples
from refseg.ui.result_facts import facts_html
from refseg.ui.why.maps import unit_map

ATTACK = '<img src=x onerror="alert(1)">'


def test_map_is_described_in_words() -> None:
    values = np.zeros((30, 30), np.float32)
    values[2, 27] = 0.8
    answer = unit_map(values, np.zeros((30, 30, 3), np.uint8))
    assert answer["where"] == "at the top right" and answer["high"] == 0.8 and answer["low"] == 0.0


def test_facts_are_escaped() -> None:
    html = facts_html((480, 720), 0.5, 1.234, ATTACK, reused=True)
    assert "720 × 480" in html and "1.23 s" in html and "<img" not in html


def test_examples_are_only_those_present(tmp_path: Path) -> None:
    assert all(example.path.is_file() for example in find_image_examples())
    assert not any(tmp_path in example.path.parents for example in find_image_examples(tmp_path))


def test_drawn_examples_are_shown() -> None:
    drawn = [example for example in find_image_examples() if example.path.parent.name == "examples"]
    assert len(drawn) == 2
    html = examples_html([Example(drawn[0].path, ATTACK)])
    assert html.count("<img") == 1 and 'data-number="0"' in html


def test_no_examples_no_markup() -> None:
    assert examples_html([]) == ""
