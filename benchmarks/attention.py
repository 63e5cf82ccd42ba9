"""The factorised CMSA layer against `scaled_dot_product_attention` over all T*P tokens: time, peak memory, agreement.

    python -m benchmarks.attention [--positions 1600] [--words 20] [--width 512] [--repeats 15] [--threads 1]

Both compute the same function in float32 with the same weights: Eq. 2-5 with the residual, from visual features and words to the pooled features f^.
The general path is given every advantage: q, k and v of all tokens come from the split projections (Eq. 2 is linear), the output projection is
applied after pooling, and the word weights a of Eq. 4 are handed to it for nothing, as the fused kernel cannot return the column sums they need.
Each method runs in a process of its own, so that its peak memory is its own: the growth of the resident set over what the inputs and the weights take.
One thread by default: with more, other load on the machine delays the short operations of the one far more than the single long one of the other.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.memory import peak_resident_bytes, reset_peak
from refseg.models.cmsa.attention import CrossModalSelfAttention
from refseg.models.layers.multimodal import COORDINATES, coordinate_features


@dataclass(frozen=True)
class Problem:
    """Sizes: positions P (h * w), words T, attention width d, channels of the visual features and of the words; threads to compute with."""

    positions: int = 1600
    words: int = 20
    width: int = 512
    channels: int = 1000
    threads: int = 1
    seed: int = 0


@dataclass(frozen=True)
class Measurement:
    """seconds, cpu_seconds: medians of the repeats by the clock and of the processor time of this process, which other load on the machine
    disturbs less.  peak_bytes: memory beyond the inputs, None where the system does not tell.  result: f^ (P, C)."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int | None
    result: Tensor


@dataclass(frozen=True)
class Comparison:
    """Both measurements of one run."""

    factorised: Measurement
    sdpa: Measurement

    @property
    def speed_ratio(self) -> float:
        """How many times faster the factorised layer is, by the clock."""
        return self.sdpa.seconds / self.factorised.seconds

    @property
    def cpu_ratio(self) -> float:
        """How many times less processor time it takes."""
        return self.sdpa.cpu_seconds / self.factorised.cpu_seconds

    @property
    def difference(self) -> float:
        """Largest absolute difference of the results."""
        return (self.factorised.result - self.sdpa.result).abs().max().item()


class Inputs:
    """The layer and one picture with one expression, the same in every process."""

    def __init__(self, problem: Problem) -> None:
        torch.manual_seed(problem.seed)
        self.layer = CrossModalSelfAttention(
            problem.channels, problem.channels, COORDINATES, problem.width, biases=True, scaled=True, mean_received=True
        )
        height, width = grid(problem.positions)
        self.coordinates = coordinate_features(height, width)
        # of length sqrt(C) like the network's own features
        self.visual = math.sqrt(problem.channels) * F.normalize(torch.randn(1, problem.positions, problem.channels), dim=-1)
        self.words = math.sqrt(problem.channels) * F.normalize(torch.randn(1, problem.words, problem.channels), dim=-1)
        self.valid = torch.ones(1, problem.words, dtype=torch.bool)

    def factorised(self) -> Tensor:
        """f^ (P, C) by the layer as the network calls it."""
        features: Tensor = self.layer(self.layer.encode(self.visual, self.coordinates), self.words, self.valid).features[0]
        return features

    def word_weights(self) -> Tensor:
        """a (T,) of Eq. 4."""
        weights: Tensor = self.layer(self.layer.encode(self.visual, self.coordinates), self.words, self.valid).word_attention[0]
        return weights

    def sdpa(self, a: Tensor) -> Tensor:
        """f^ (P, C) by one attention over all P*T tokens, pooled with the word weights a (T,)."""
        layer, positions, count = self.layer, self.visual.shape[1], self.words.shape[1]
        v = torch.cat([self.visual[0], self.coordinates], dim=-1)  # (P, C_v + 8)
        q, k, x = (layer.position_qkv(v).unsqueeze(1) + layer.word_qkv(self.words[0])).flatten(0, 1).chunk(3, dim=-1)  # each (P*T, d)
        attended = F.scaled_dot_product_attention(q[None, None] * layer.scale, k[None, None], x[None, None], scale=1.0)[0, 0]
        pooled = torch.einsum("n,pnd->pd", a, attended.view(positions, count, -1))
        word = (a @ self.words[0]).expand(positions, -1)
        features: Tensor = layer.output(pooled) + torch.cat([self.visual[0], word, self.coordinates], dim=-1)
        return features


def grid(positions: int) -> tuple[int, int]:
    """The most nearly square (height, width) of that many positions."""
    height = next(h for h in range(math.isqrt(positions), 0, -1) if positions % h == 0)
    return height, positions // height


@torch.no_grad()
def measure(method: Literal["factorised", "sdpa"], problem: Problem, repeats: int) -> Measurement:
    """Run one method in this process: one call to warm up unless a single one is asked for, then `repeats` measured calls."""
    inputs = Inputs(problem)
    compute: Callable[[], Tensor] = inputs.factorised
    if method == "sdpa":
        a = inputs.word_weights()
        compute = lambda: inputs.sdpa(a)  # noqa: E731
    before = reset_peak()
    if repeats > 1:
        compute()
    seconds, cpu_seconds = [], []
    for _ in range(repeats):
        start, cpu_start = time.perf_counter(), time.process_time()
        result = compute()
        seconds.append(time.perf_counter() - start)
        cpu_seconds.append(time.process_time() - cpu_start)
    after = peak_resident_bytes()
    peak = after - before if before is not None and after is not None else None
    return Measurement(statistics.median(seconds), statistics.median(cpu_seconds), peak, result)


def measure_in_a_process(method: Literal["factorised", "sdpa"], problem: Problem, repeats: int) -> Measurement:
    """`measure` in a fresh process; raises subprocess.CalledProcessError, after its own error on the console, when that fails."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.npy"
        task = json.dumps({"method": method, "problem": asdict(problem), "repeats": repeats, "result": str(result)})
        command = [sys.executable, "-m", "benchmarks.attention", "--task", task]
        told = subprocess.run(command, check=True, cwd=Path(__file__).resolve().parents[1], stdout=subprocess.PIPE, text=True).stdout
        return Measurement(**json.loads(told), result=torch.from_numpy(np.load(result, allow_pickle=False)))


def run_task(task: str) -> None:
    """The child's side of `measure_in_a_process`: the result into a file, the figures to standard output."""
    wanted = json.loads(task)
    problem = Problem(**wanted["problem"])
    torch.set_num_threads(problem.threads)
    measured = measure(wanted["method"], problem, wanted["repeats"])
    np.save(wanted["result"], measured.result.numpy())
    print(json.dumps({"seconds": measured.seconds, "cpu_seconds": measured.cpu_seconds, "peak_bytes": measured.peak_bytes}))


def compare(problem: Problem, repeats: int) -> Comparison:
    """Both methods, one after the other; the slow one is run once."""
    return Comparison(measure_in_a_process("factorised", problem, repeats), measure_in_a_process("sdpa", problem, 1))


def table(comparison: Comparison) -> str:
    """The comparison as lines of text."""
    rows = [("", "time", "CPU time", "peak memory")]
    for name, measured in (("factorised CMSA", comparison.factorised), ("SDPA over T*P tokens", comparison.sdpa)):
        memory = "not known" if measured.peak_bytes is None else f"{measured.peak_bytes / 2**20:,.0f} MiB"
        rows.append((name, f"{measured.seconds:.4f} s", f"{measured.cpu_seconds:.4f} s", memory))
    lines = [f"{name:<22}{seconds:>12}{cpu_seconds:>12}{memory:>14}" for name, seconds, cpu_seconds, memory in rows]
    ratios = f"{comparison.speed_ratio:.0f} times faster by the clock, {comparison.cpu_ratio:.0f} times by CPU time"
    return "\n".join([*lines, f"{ratios}; largest difference of the results {comparison.difference:.1e}"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; exit status 1 when the two results differ by more than 1e-4."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.attention", description="Factorised CMSA against attention over all T*P tokens."
    )
    parser.add_argument("--positions", type=int, default=Problem.positions, help="positions P of the feature map (default %(default)s)")
    parser.add_argument("--words", type=int, default=Problem.words, help="words T (default %(default)s)")
    parser.add_argument("--width", type=int, default=Problem.width, help="width d of queries, keys and values (default %(default)s)")
    parser.add_argument(
        "--channels", type=int, default=Problem.channels, help="channels of visual features and words (default %(default)s)"
    )
    parser.add_argument(
        "--repeats", type=int, default=15, help="calls of the factorised layer, of which the median counts (default %(default)s)"
    )
    parser.add_argument("--threads", type=int, default=Problem.threads, help="threads to compute with (default %(default)s)")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.task is not None:
        run_task(options.task)
        return 0
    for name in ("positions", "words", "width", "channels", "repeats", "threads"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1, got {getattr(options, name)}")
    problem = Problem(options.positions, options.words, options.width, options.channels, options.threads)
    height, width = grid(problem.positions)
    tokens = problem.positions * problem.words
    sizes = f"P = {problem.positions} ({height} x {width}), T = {problem.words}, d = {problem.width}"
    print(f"{sizes}: {tokens:,} tokens, float32, {problem.threads} thread{'s' * (problem.threads > 1)}", flush=True)
    comparison = compare(problem, options.repeats)
    print(table(comparison))
    return 0 if comparison.difference <= 1e-4 else 1


if __name__ == "__main__":
    sys.exit(main())
