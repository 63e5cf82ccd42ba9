"""Compare the factorized CMSA layer with `scaled_dot_product_attention` over all T*P tokens: time, memory, results.

    python -m benchmarks.attention [--positions 1600] [--words 20] [--width 512] [--repeats 15] [--threads 1]

Both compute the same function in float32 with the same weights: Eq. 2-5 with the residual, from visual features and
words to the pooled features f^. SDPA gets every advantage: q, k and v of all tokens come from the split projections
(Eq. 2 is linear), the output projection is applied after pooling, and the word weights a of Eq. 4 are not counted,
because the fused kernel cannot return the column sums that they need.

Each method runs in a new process. Its peak memory is the growth of the resident set beyond inputs and weights. One
thread is the default: with more, other load on the machine delays many short operations more than a single long one.
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
    """Sizes of one comparison.

    Attributes:
        positions: P, height times width of the feature map.
        words: T.
        width: d, width of queries, keys and values.
        channels: channels of the visual features and of the word vectors.
        threads: number of threads.
        seed: seed of weights and inputs.
    """

    positions: int = 1600
    words: int = 20
    width: int = 512
    channels: int = 1000
    threads: int = 1
    seed: int = 0


@dataclass(frozen=True)
class Measurement:
    """Result of one method.

    Attributes:
        seconds: median wall time of the repeats.
        cpu_seconds: median CPU time of the process, which depends less on other load.
        peak_bytes: memory beyond the inputs; None if the operating system does not report it.
        result: f^ (P, C).
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int | None
    result: Tensor


@dataclass(frozen=True)
class MethodComparison:
    """Measurements of both methods."""

    factorized: Measurement
    sdpa: Measurement

    @property
    def speed_ratio(self) -> float:
        """Wall time of SDPA divided by that of the factorized layer."""
        return self.sdpa.seconds / self.factorized.seconds

    @property
    def cpu_ratio(self) -> float:
        """CPU time of SDPA divided by that of the factorized layer."""
        return self.sdpa.cpu_seconds / self.factorized.cpu_seconds

    @property
    def difference(self) -> float:
        """Largest absolute difference between the results."""
        return (self.factorized.result - self.sdpa.result).abs().max().item()


class Inputs:
    """The layer, and one image with one expression. They are equal in every process."""

    def __init__(self, problem: Problem) -> None:
        torch.manual_seed(problem.seed)
        self.layer = CrossModalSelfAttention(
            problem.channels, problem.channels, COORDINATES, problem.width, biases=True, scaled=True, mean_received=True
        )
        height, width = grid(problem.positions)
        self.coordinates = coordinate_features(height, width)
        # vectors of length sqrt(C), as in the network
        self.visual = math.sqrt(problem.channels) * F.normalize(
            torch.randn(1, problem.positions, problem.channels), dim=-1
        )
        self.words = math.sqrt(problem.channels) * F.normalize(torch.randn(1, problem.words, problem.channels), dim=-1)
        self.valid = torch.ones(1, problem.words, dtype=torch.bool)

    def factorized(self) -> Tensor:
        """Compute f^ (P, C) with the layer as the network calls it."""
        features: Tensor = self.layer(
            self.layer.encode(self.visual, self.coordinates), self.words, self.valid
        ).features[0]
        return features

    def word_weights(self) -> Tensor:
        """Compute the word weights a (T,) of Eq. 4."""
        weights: Tensor = self.layer(
            self.layer.encode(self.visual, self.coordinates), self.words, self.valid
        ).word_attention[0]
        return weights

    def sdpa(self, a: Tensor) -> Tensor:
        """Compute f^ (P, C) with one attention over all P*T tokens, pooled with the word weights a (T,)."""
        layer, positions, count = self.layer, self.visual.shape[1], self.words.shape[1]
        v = torch.cat([self.visual[0], self.coordinates], dim=-1)  # (P, C_v + 8)
        q, k, x = (
            (layer.position_qkv(v).unsqueeze(1) + layer.word_qkv(self.words[0])).flatten(0, 1).chunk(3, dim=-1)
        )  # each (P*T, d)
        attended = F.scaled_dot_product_attention(q[None, None] * layer.scale, k[None, None], x[None, None], scale=1.0)[
            0, 0
        ]
        pooled = torch.einsum("n,pnd->pd", a, attended.view(positions, count, -1))
        word = (a @ self.words[0]).expand(positions, -1)
        features: Tensor = layer.output(pooled) + torch.cat([self.visual[0], word, self.coordinates], dim=-1)
        return features


def grid(positions: int) -> tuple[int, int]:
    """Return the (height, width) closest to a square with that many positions."""
    height = next(h for h in range(math.isqrt(positions), 0, -1) if positions % h == 0)
    return height, positions // height


@torch.no_grad()
def measure(method: Literal["factorized", "sdpa"], problem: Problem, repeats: int) -> Measurement:
    """Run one method in this process: a warm-up call if `repeats` is above 1, then `repeats` measured calls."""
    inputs = Inputs(problem)
    compute: Callable[[], Tensor] = inputs.factorized
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


def measure_in_process(method: Literal["factorized", "sdpa"], problem: Problem, repeats: int) -> Measurement:
    """Run `measure` in a new process. Raises subprocess.CalledProcessError if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.npy"
        task = json.dumps({"method": method, "problem": asdict(problem), "repeats": repeats, "result": str(result)})
        command = [sys.executable, "-m", "benchmarks.attention", "--task", task]
        printed = subprocess.run(
            command, check=True, cwd=Path(__file__).resolve().parents[1], stdout=subprocess.PIPE, text=True
        ).stdout
        return Measurement(**json.loads(printed), result=torch.from_numpy(np.load(result, allow_pickle=False)))


def run_task(task: str) -> None:
    """Run one measurement in the new process: write the result to a file and print the figures as JSON."""
    parsed = json.loads(task)
    problem = Problem(**parsed["problem"])
    torch.set_num_threads(problem.threads)
    measured = measure(parsed["method"], problem, parsed["repeats"])
    np.save(parsed["result"], measured.result.numpy())
    print(
        json.dumps(
            {"seconds": measured.seconds, "cpu_seconds": measured.cpu_seconds, "peak_bytes": measured.peak_bytes}
        )
    )


def compare(problem: Problem, repeats: int) -> MethodComparison:
    """Measure both methods, one after the other. SDPA, which is slow, runs once."""
    return MethodComparison(measure_in_process("factorized", problem, repeats), measure_in_process("sdpa", problem, 1))


def table(comparison: MethodComparison) -> str:
    """Format the comparison as text."""
    rows = [("", "time", "CPU time", "peak memory")]
    for name, measured in (("factorized CMSA", comparison.factorized), ("SDPA over T*P tokens", comparison.sdpa)):
        memory = "unknown" if measured.peak_bytes is None else f"{measured.peak_bytes / 2**20:,.0f} MiB"
        rows.append((name, f"{measured.seconds:.4f} s", f"{measured.cpu_seconds:.4f} s", memory))
    lines = [f"{name:<22}{seconds:>12}{cpu_seconds:>12}{memory:>14}" for name, seconds, cpu_seconds, memory in rows]
    ratios = f"{comparison.speed_ratio:.0f} times faster in wall time, {comparison.cpu_ratio:.0f} times in CPU time"
    return "\n".join([*lines, f"{ratios}; largest difference between the results {comparison.difference:.1e}"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table. Returns exit status 1 if the results differ by more than 1e-4."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.attention", description="Compare factorized CMSA with attention over all T*P tokens."
    )
    parser.add_argument(
        "--positions", type=int, default=Problem.positions, help="positions P of the feature map (default: %(default)s)"
    )
    parser.add_argument("--words", type=int, default=Problem.words, help="words T (default: %(default)s)")
    parser.add_argument(
        "--width", type=int, default=Problem.width, help="width d of queries, keys and values (default: %(default)s)"
    )
    parser.add_argument(
        "--channels",
        type=int,
        default=Problem.channels,
        help="channels of visual features and words (default: %(default)s)",
    )
    parser.add_argument(
        "--repeats",
        type=int,
        default=15,
        help="calls of the factorized layer; the median is reported (default: %(default)s)",
    )
    parser.add_argument("--threads", type=int, default=Problem.threads, help="number of threads (default: %(default)s)")
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
