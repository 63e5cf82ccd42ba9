"""MethodComparison of factorized attention and SDPA at small sizes: results, table, command."""

import re
import subprocess
import sys

import pytest
import torch

from benchmarks.attention import Inputs, Measurement, MethodComparison, Problem, grid, main, measure, table
from tests.models import reference

SMALL = Problem(positions=12, words=3, width=8, channels=16)


@pytest.mark.parametrize("problem", [SMALL, Problem(positions=7, words=1, width=4, channels=8)])
def test_both_methods_match_the_reference(problem: Problem) -> None:
    factorized, sdpa = (measure(method, problem, repeats=2) for method in ("factorized", "sdpa"))
    comparison = MethodComparison(factorized, sdpa)
    assert factorized.result.shape == (problem.positions, 2 * problem.channels + 8)
    assert comparison.difference < 1e-5
    inputs = Inputs(problem)
    with torch.no_grad():
        naive = reference.attention(inputs.layer, inputs.visual[0], inputs.words[0], inputs.coordinates)
    torch.testing.assert_close(sdpa.result, naive.features, rtol=1e-5, atol=1e-5)
    assert comparison.speed_ratio == sdpa.seconds / factorized.seconds > 0


def test_uniform_attention_gives_another_result() -> None:
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
    printed = capfd.readouterr().out
    assert "P = 12 (3 x 4), T = 3, d = 8: 36 tokens, float32, 1 thread\n" in printed
    assert re.search(r"factorized CMSA +0\.\d{4} s", printed) and re.search(
        r"SDPA over T\*P tokens +\d+\.\d{4} s", printed
    )
    assert re.search(r"largest difference between the results \d\.\de-\d\d", printed)


def test_invalid_sizes_are_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--words", "0"])
    assert stopped.value.code == 2 and "--words must be at least 1, got 0" in capsys.readouterr().err


def test_unknown_memory_is_in_the_table() -> None:
    nothing = torch.zeros(1)
    text = table(MethodComparison(Measurement(0.5, 0.4, None, nothing), Measurement(60, 50, 3 * 2**30, nothing)))
    assert "unknown" in text and "3,072 MiB" in text
    assert text.endswith(
        "\n120 times faster in wall time, 125 times in CPU time; largest difference between the results 0.0e+00"
    )


PEAK = """
from benchmarks.memory import peak_resident_bytes, reset_peak
before = reset_peak()
block = bytearray(b"x") * (128 * 2**20)
del block
print(None if before is None else peak_resident_bytes() - before)
"""


def test_peak_memory_includes_freed_memory() -> None:
    """In a new process, because this one can have freed memory that the block would reuse."""
    printed = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True).stdout.strip()
    if printed == "None":
        pytest.skip("this system does not report peak memory")
    assert int(printed) > 100 * 2**20
