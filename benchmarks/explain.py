"""Measure the cost of an explanation in units of a first answer.

    python -m benchmarks.explain [--image photo.jpg] [--runs 15]

A cold answer encodes an image and answers one expression of 12 words: letterbox, backbone, attention, and the mask at
the size of the image. An explanation of this answer uses the encoded image: `explain` (13 expressions in one pass, 12
IoUs), the candidates at the size of the image, and all maps at the size of the network's input: the response, both
gates of each level, and for each word and level where it is attended from. Further lines show the parts, and the cost
of maps at the size of the image, which is high for large images only.

Times are CPU times of this process, with one thread by default. The cases alternate, so that other load on the machine
affects all of them alike. The table has the minimum and the median of the runs, and their ratio to the cold answer:
the ratio of the minima, and the median of the ratios of each run to the cold answer next to it.

The exit status is 1 if the latter ratio of an explanation is above 2. An explanation of 12 words answers 13
expressions, each of which costs about a ninth of a cold answer in one pass; most of this time are convolutions and
matrix products near the peak of the processor. Measured ratios are 1.4 to 1.9, depending on the machine and its load.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import torch

from refseg.commands.bench import synthetic_image
from refseg.evaluation.tables import table
from refseg.explain import Explanation, attention_at, explain, find_candidates
from refseg.images import load_image
from refseg.inference.predictor import Predictor
from refseg.inference.segmentation import Segmentation
from refseg.letterbox import Letterbox

EXPRESSION = "the small red disc on the left side of the blue square"
COLD, EXPLANATION = "cold answer", "explanation"
LIMIT = 2.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.explain", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--image", type=Path, help="image file (default: a synthetic image of 640 x 480)")
    parser.add_argument("--model", type=Path, help="checkpoint folder (default: the embedded model)")
    parser.add_argument("--runs", type=int, default=15, help="runs of each case (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="number of threads (default: %(default)s)")
    options = parser.parse_args(arguments)
    for name in ("runs", "threads"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1, got {getattr(options, name)}")
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    image = synthetic_image() if options.image is None else load_image(options.image)
    predictor = Predictor.load(options.model, device="cpu")
    encoded = predictor.encode(image)
    answer = explain(predictor, encoded, EXPRESSION).segmentation
    middle = image.shape[1] / 2, image.shape[0] / 2
    seconds = measure(
        {
            COLD: lambda: predictor.segment(predictor.encode(image), [EXPRESSION])[0].mask(),
            EXPLANATION: lambda: compute_all(explain(predictor, encoded, EXPRESSION)),
            "  without each word": lambda: explain(predictor, encoded, EXPRESSION),
            "  candidates": lambda: find_candidates(replace(answer)),
            "  all maps": lambda: maps(answer, answer.letterbox.scaled),
            "all maps, large": lambda: maps(answer, answer.letterbox),
            "attention at a point": lambda: attention_at(predictor, encoded, EXPRESSION, *middle),
            "further expression": lambda: predictor.segment(encoded, [EXPRESSION])[0].mask(),
        },
        options.runs,
    )
    words = len(answer.tokens)
    print(
        f"{image.shape[1]} x {image.shape[0]}, {words} words, {options.threads} thread{'s' * (options.threads > 1)},"
        f" {options.runs} runs"
    )
    print(summary(seconds))
    return 0 if ratio(seconds, EXPLANATION) <= LIMIT else 1


def compute_all(explanation: Explanation) -> object:
    """Compute the parts of an explanation that are computed on demand."""
    return explanation.candidates, maps(explanation.segmentation, explanation.segmentation.letterbox.scaled)


def maps(answer: Segmentation, letterbox: Letterbox) -> int:
    """Compute each map at the size of the letterbox, one at a time to save memory; return the number of pixels."""
    grids = [values for levels in answer.maps.values() for values in levels]
    if answer.strongest is not None:
        grids.append(answer.strongest)
    if answer.word_maps is not None:
        grids += [*answer.word_maps.reshape(-1, *answer.word_maps.shape[2:])]
    return sum(letterbox.inverse(grid).size for grid in grids)


def measure(cases: dict[str, Callable[[], object]], runs: int) -> dict[str, list[float]]:
    """Return the CPU seconds of each run of each case. The cases alternate, after one warm-up run of each."""
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for run in range(runs + 1):
        for name, case in cases.items():
            start = time.process_time()
            case()
            if run:
                seconds[name].append(time.process_time() - start)
    return seconds


def ratio(seconds: dict[str, list[float]], case: str) -> float:
    """Return the median ratio of each run to the cold answer next to it, which has the same load on the machine."""
    return statistics.median(one / cold for one, cold in zip(seconds[case], seconds[COLD], strict=True))


def summary(seconds: dict[str, list[float]]) -> str:
    """Format the table."""
    fastest = min(seconds[COLD])
    rows = [
        [
            name,
            f"{min(times):.3f}",
            f"{statistics.median(times):.3f}",
            f"{min(times) / fastest:.2f}",
            f"{ratio(seconds, name):.2f}",
        ]
        for name, times in seconds.items()
    ]
    return table(["CPU seconds", "min", "median", "ratio of min", "median ratio"], rows)


if __name__ == "__main__":
    sys.exit(main())
