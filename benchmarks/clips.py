"""Measure the cost of attention across frames: time per frame, time per window, and memory for a long video.

    python -m benchmarks.clips [--model M] [--frames 24] [--long 3000] [--threads 2]

1. Seconds per frame of a video while the window is full, and per still image in the same configuration (encode and
   answer, without masks).
2. Seconds to move a window by one frame (`SlidingAttention`) and to recompute the window (`CrossFrameSelfAttention`),
   for all levels together.
3. Peak memory of a process that answers a long video, and of one that answers a tenth of it. The images are small, so
   that this takes minutes; `--long 0` skips it.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.memory import peak_resident_bytes, reset_peak
from refseg import Predictor, Vocabulary
from refseg.evaluation.tables import table
from refseg.inference.video import VideoPredictor
from refseg.models.cmsa.config import LEVELS
from refseg.models.cmsa.sliding import SlidingAttention
from refseg.models.compact import CompactConfig, CompactSystem
from refseg.video.reader import Frame

EXPRESSION = "the red circle on the left"
SMALL_SIZE = 96  # image size of the long video, in pixels


@dataclass
class SyntheticVideo:
    """Video of a disk that moves from side to side. Frames are created one at a time."""

    count: int
    height: int = 480
    width: int = 640

    def frames(self) -> Iterator[Frame]:
        """Yield the frames."""
        y, x = np.mgrid[: self.height, : self.width]
        for number in range(self.count):
            image = np.stack([100 + x // 8, 120 + y // 8, 140 - x // 16], axis=2).astype(np.uint8)
            center = self.width * (0.5 + 0.35 * np.sin(number / 15))
            image[(y - self.height / 2) ** 2 + (x - center) ** 2 < (self.height / 5) ** 2] = (205, 40, 40)
            yield Frame(number, number, number / 25, image)


def seconds_per_image(predictor: Predictor, repeats: int) -> float:
    """Return the median seconds to encode and answer one image."""
    (frame,) = SyntheticVideo(1).frames()
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        predictor.segment(predictor.encode(frame.image), [EXPRESSION])
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def seconds_per_frame(predictor: Predictor, frames: int) -> float:
    """Return the median seconds between two answers while the window is full."""
    stamps = [time.perf_counter() for _ in VideoPredictor(predictor).run(SyntheticVideo(frames), EXPRESSION)]
    tau = predictor.config.tau
    gaps = np.diff(stamps)[tau : frames - tau - 1]
    return float(np.median(gaps))


def seconds_per_window(network: CompactSystem, repeats: int) -> tuple[float, float, float]:
    """Return seconds to move a window, seconds to recompute it, and the largest difference of V^, for all levels."""
    config = network.config
    side, window = config.image_size // 16, 2 * config.tau + 1
    visual = (
        torch.nn.functional.normalize(torch.randn(window + repeats, side * side, config.visual), dim=-1)
        * config.visual**0.5
    )
    layers = [network.dense.cross_frame[level] for level in range(LEVELS)]
    sliding_layers = [SlidingAttention(layer, config.tau) for layer in layers]  # type: ignore[arg-type]
    full_seconds, sliding_seconds, difference = [], [], 0.0
    with torch.inference_mode():
        for number in range(window + repeats):
            start = time.perf_counter()
            for one in sliding_layers:
                one.push(visual[number : number + 1], (side, side))
            first = number - window + 1
            if first < 0:
                continue
            pooled = [one.pool(first, number) for one in sliding_layers]
            sliding_seconds.append(time.perf_counter() - start)
            start = time.perf_counter()
            recomputed = [layer(visual[first : number + 1], (side, side)) for layer in layers]
            full_seconds.append(time.perf_counter() - start)
            difference = max(
                difference,
                *(float((a.response - b.response).abs().max()) for a, b in zip(pooled, recomputed, strict=True)),
            )
    return statistics.median(sliding_seconds[1:]), statistics.median(full_seconds[1:]), difference


def peak_of_clip(frames: int) -> int | None:
    """Return the bytes that a video of `frames` frames adds to a process that has answered a short one."""
    torch.manual_seed(0)
    words = ["<pad>", "<unk>", *EXPRESSION.split()]
    vocabulary = Vocabulary(list(dict.fromkeys(words)))
    predictor = Predictor(
        CompactSystem(replace(CompactConfig(), image_size=SMALL_SIZE, regions=20), len(vocabulary)),
        vocabulary,
        device="cpu",
    )
    for _ in VideoPredictor(predictor).run(SyntheticVideo(15, 120, 160), EXPRESSION):
        pass
    if reset_peak() is None:
        return None
    for _ in VideoPredictor(predictor).run(SyntheticVideo(frames, 120, 160), EXPRESSION):
        pass
    return peak_resident_bytes()


def _in_process(frames: int) -> int | None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "peak.json"
        subprocess.run(
            [sys.executable, "-m", "benchmarks.clips", "--peak", str(frames), "--output", str(out)], check=True
        )
        peak: int | None = json.loads(out.read_text(encoding="utf-8"))
    return peak


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="checkpoint folder (default: the embedded model)")
    parser.add_argument("--frames", type=int, default=24, help="frames of the timed video (default: 24)")
    parser.add_argument("--long", type=int, default=3000, help="frames of the long video, 0 to skip it (default: 3000)")
    parser.add_argument("--threads", type=int, default=2, help="number of threads (default: 2)")
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.peak:
        arguments.output.write_text(json.dumps(peak_of_clip(arguments.peak)), encoding="utf-8")
        return
    predictor = Predictor.load(arguments.model)
    still, frame = seconds_per_image(predictor, 7), seconds_per_frame(predictor, arguments.frames)
    with predictor.running() as network:
        sliding, full, difference = seconds_per_window(network, 5)
    rows = [
        ["a still image", f"{still:.3f} s", ""],
        ["a frame of a video", f"{frame:.3f} s", f"{frame / still:.2f} times a still image"],
        ["moving the window by a frame", f"{sliding:.3f} s", ""],
        [
            "recomputing the window",
            f"{full:.3f} s",
            f"{full / sliding:.1f} times moving; largest difference {difference:.1e}",
        ],
    ]
    if arguments.long:
        short, long = _in_process(arguments.long // 10), _in_process(arguments.long)
        if short and long:
            rows.append([f"peak memory, {arguments.long // 10} frames", f"{short / 2**20:.0f} MiB", ""])
            rows.append(
                [f"peak memory, {arguments.long} frames", f"{long / 2**20:.0f} MiB", f"{long / short:.3f} times"]
            )
    print(f"model {predictor.name}, {predictor.device}, {torch.get_num_threads()} threads, {predictor.precision}")
    print(table(["", "", ""], rows))


if __name__ == "__main__":
    main()
