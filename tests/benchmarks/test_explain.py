"""Cost of an explanation: alternating cases, and a table of ratios to a cold answer."""

import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from benchmarks.explain import COLD, EXPRESSION, LIMIT, main, maps, measure, ratio, summary
from refseg.inference.predictor import Predictor
from refseg.language import words_of


@pytest.fixture(autouse=True)
def restored_threads() -> Iterator[None]:
    """Restore the number of threads, which the command changes for the process."""
    before = torch.get_num_threads(), cv2.getNumThreads()
    yield
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])


def test_the_command_prints_the_table(
    tiny_checkpoint: Path, sample_image: NDArray[np.uint8], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(sample_image).save(tmp_path / "photo.png")
    status = main(["--model", str(tiny_checkpoint), "--image", str(tmp_path / "photo.png"), "--runs", "2"])
    printed_text = capsys.readouterr().out
    assert printed_text.startswith("90 x 60, 12 words, 1 thread, 2 runs\n")
    for name in (
        "cold answer",
        "explanation",
        "  without each word",
        "  candidates",
        "  all maps",
        "attention at a point",
    ):
        assert re.search(rf"^{name} +\d\.\d{{3}} +\d\.\d{{3}} +\d+\.\d\d +\d+\.\d\d$", printed_text, re.MULTILINE), name
    (printed_ratio,) = re.findall(r"^explanation .* (\S+)$", printed_text, re.MULTILINE)
    assert status == (float(printed_ratio) > LIMIT) or float(printed_ratio) == LIMIT


def test_the_expression_has_12_words() -> None:
    assert len(words_of(EXPRESSION)) == 12


def test_cases_alternate_after_a_warm_up() -> None:
    order: list[str] = []
    seconds = measure({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 3)
    assert order == ["a", "b"] * 4
    assert [len(times) for times in seconds.values()] == [3, 3]


def test_ratios_are_to_the_cold_answer() -> None:
    printed_text = summary({COLD: [0.5, 1.0, 0.75], "other": [1.5, 1.0, 3.0]})
    assert re.search(r"other +1\.000 +1\.500 +2\.00 +3\.00", printed_text)


def test_temporary_load_does_not_change_the_ratio() -> None:
    assert ratio({COLD: [1.0, 5.0, 1.0, 1.0], "other": [1.5, 7.5, 1.5, 1.5]}, "other") == 1.5


def test_all_maps_are_counted(tiny_predictor: Predictor, sample_image: NDArray[np.uint8]) -> None:
    (answer,) = tiny_predictor.segment(tiny_predictor.encode(sample_image), ["red dog"])
    assert maps(answer, answer.letterbox) == (1 + 3 + 3 + 3 * 2) * 60 * 90


@pytest.mark.parametrize("name", ["runs", "threads"])
def test_invalid_numbers_are_rejected(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([f"--{name}", "0"])
    assert stopped.value.code == 2 and f"--{name} must be at least 1, got 0" in capsys.readouterr().err
