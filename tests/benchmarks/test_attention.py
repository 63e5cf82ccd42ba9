"""The comparison in miniature: both sides compute the same function, and the table says what was measured."""

import re
import subprocess
import sys

import pytest
import torch

from benchmarks.attention import Comparison, Inputs, Measurement, Problem, grid, main, measure, table
from tests.models import reference

SMALL = Problem(positions=12, words=3, width=8, channels=16)


@pytest.mark.parametrize("problem", [SMALL, Problem(positions=7, words=1, width=4, channels=8)])
def test_both_sides_compute_the_function_of_the_paper(problem: Problem) -> None:
    factorised, sdpa = (measure(method, problem, repeats=2) for method in ("factorised", "sdpa"))
    comparison = Comparison(factorised, sdpa)
    assert factorised.result.shape == (problem.positions, 2 * problem.channels + 8)
    assert comparison.difference < 1e-5
    inputs = Inputs(problem)
    with torch.no_grad():
        naive = reference.attention(inputs.layer, inputs.visual[0], inputs.words[0], inputs.coordinates)
    torch.testing.assert_close(sdpa.result, naive.features, rtol=1e-5, atol=1e-5)
    assert comparison.speed_ratio == sdpa.seconds / factorised.seconds > 0


def test_the_attention_is_not_flat_enough_to_hide_mistakes() -> None:
    inputs = Inputs(SMALL)
    with torch.no_grad():
        right = inputs.sdpa(inputs.word_weights())
        inputs.layer.scale.zero_()  # uniform attention
        assert (inputs.sdpa(inputs.word_weights()) - right).abs().max() > 1e-2


@pytest.mark.parametrize(("positions", "expected"), [(1600, (40, 40)), (12, (3, 4)), (7, (1, 7)), (1, (1, 1))])
def test_grid(positions: int, expected: tuple[int, int]) -> None:
    assert grid(positions) == expected


def test_the_command_prints_the_table(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--positions", "12", "--words", "3", "--width", "8", "--channels", "16", "--repeats", "2"]) == 0
    told = capfd.readouterr().out
    assert "P = 12 (3 x 4), T = 3, d = 8: 36 tokens, float32, 1 thread\n" in told
    assert re.search(r"factorised CMSA +0\.\d{4} s", told) and re.search(r"SDPA over T\*P tokens +\d+\.\d{4} s", told)
    assert re.search(r"largest difference of the results \d\.\de-\d\d", told)


def test_impossible_sizes_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--words", "0"])
    assert stopped.value.code == 2 and "--words must be at least 1, got 0" in capsys.readouterr().err


def test_unknown_memory_is_said() -> None:
    nothing = torch.zeros(1)
    text = table(Comparison(Measurement(0.5, 0.4, None, nothing), Measurement(60, 50, 3 * 2**30, nothing)))
    assert "not known" in text and "3,072 MiB" in text
    assert text.endswith("\n120 times faster by the clock, 125 times by CPU time; largest difference of the results 0.0e+00")


PEAK = """
from benchmarks.memory import peak_resident_bytes, reset_peak
before = reset_peak()
block = bytearray(b"x") * (128 * 2**20)
del block
print(None if before is None else peak_resident_bytes() - before)
"""


def test_peak_memory_sees_what_was_freed_again() -> None:
    """In a process of its own: another may hold freed memory that the block would be put into."""
    seen = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True).stdout.strip()
    if seen == "None":
        pytest.skip("this system does not tell a process its peak memory")
    assert int(seen) > 100 * 2**20
