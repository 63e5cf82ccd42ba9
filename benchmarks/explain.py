"""What an explanation costs, in answers.

    python -m benchmarks.explain [--image photo.jpg] [--runs 15]

A cold answer reads a picture and answers one expression of 12 words: letterbox, backbone, attention, mask at the picture's size. An explanation of that
answer comes after it, with the picture's features kept: `explain` (13 expressions in one pass, 12 IoUs), the candidates at the picture's size, and all maps
at the size at which the network sees the picture: the response, both gates of each level, and for each word and level where it is attended from. The
last lines take it apart, and tell what maps at the picture's size would cost, which matters for large pictures only.
Processor time of this process, one thread by default, the kinds in turn: other load on the machine disturbs it less than time by the clock, and all kinds
alike. Printed are the least and the median of the runs, and the ratio to the cold answer: that of the least times, and the median of the ratios of each run
to the cold answer beside it.

The exit status is 1 if that last ratio of an explanation is above 2. An explanation of 12 words answers 13 expressions, each of which costs about a ninth
of a cold answer in one pass; most of that are convolutions and matrix products that run near the processor's peak. Measured were 1.4 to 1.9, depending on
how fast a machine is at the backbone and at the rest, and on what else keeps its memory busy.
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

from refseg.commands.bench import drawn_picture
from refseg.evaluation.tables import table
from refseg.explain import Explanation, attention_at, explain, find_candidates
from refseg.images import Letterbox, load_image
from refseg.inference.predictor import Predictor
from refseg.inference.segmentation import Segmentation

EXPRESSION = "the small red disc on the left side of the blue square"
COLD, WHOLE = "cold answer", "explanation"
LIMIT = 2.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.explain", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--image", type=Path, help="the picture; one of 640 x 480 is drawn without it")
    parser.add_argument("--model", type=Path, help="checkpoint folder; the embedded one without it")
    parser.add_argument("--runs", type=int, default=15, help="runs of each kind (default %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="threads to compute with (default %(default)s)")
    options = parser.parse_args(arguments)
    for name in ("runs", "threads"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1, got {getattr(options, name)}")
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    image = drawn_picture() if options.image is None else load_image(options.image)
    predictor = Predictor.load(options.model, device="cpu")
    encoded = predictor.encode(image)
    answer = explain(predictor, encoded, EXPRESSION).segmentation
    middle = image.shape[1] / 2, image.shape[0] / 2
    seconds = measure(
        {
            COLD: lambda: predictor.segment(predictor.encode(image), [EXPRESSION])[0].mask(),
            WHOLE: lambda: everything(explain(predictor, encoded, EXPRESSION)),
            "  words left out": lambda: explain(predictor, encoded, EXPRESSION),
            "  candidates": lambda: find_candidates(replace(answer)),
            "  all maps": lambda: maps(answer, answer.letterbox.scaled),
            "all maps, large": lambda: maps(answer, answer.letterbox),
            "attention at a point": lambda: attention_at(predictor, encoded, EXPRESSION, *middle),
            "further expression": lambda: predictor.segment(encoded, [EXPRESSION])[0].mask(),
        },
        options.runs,
    )
    words = len(answer.tokens)
    print(f"{image.shape[1]} x {image.shape[0]}, {words} words, {options.threads} thread{'s' * (options.threads > 1)}, {options.runs} runs")
    print(summary(seconds))
    return 0 if ratio(seconds, WHOLE) <= LIMIT else 1


def everything(explanation: Explanation) -> object:
    """What of an explanation is computed when it is asked for."""
    return explanation.candidates, maps(explanation.segmentation, explanation.segmentation.letterbox.scaled)


def maps(answer: Segmentation, letterbox: Letterbox) -> int:
    """Each map at the letterbox's size, one at a time as they may be large; returns the number of their pixels."""
    grids = [values for levels in answer.maps.values() for values in levels]
    if answer.strongest is not None:
        grids.append(answer.strongest)
    if answer.word_maps is not None:
        grids += [*answer.word_maps.reshape(-1, *answer.word_maps.shape[2:])]
    return sum(letterbox.inverse(grid).size for grid in grids)


def measure(kinds: dict[str, Callable[[], object]], runs: int) -> dict[str, list[float]]:
    """Seconds of processor time of each run of each kind, the kinds in turn, after one run to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    for run in range(runs + 1):
        for name, kind in kinds.items():
            start = time.process_time()
            kind()
            if run:
                seconds[name].append(time.process_time() - start)
    return seconds


def ratio(seconds: dict[str, list[float]], kind: str) -> float:
    """Median of the ratios of each run to the cold answer beside it: what slows a machine down for a while slows both."""
    return statistics.median(one / cold for one, cold in zip(seconds[kind], seconds[COLD], strict=True))


def summary(seconds: dict[str, list[float]]) -> str:
    """The table."""
    least = min(seconds[COLD])
    rows = [
        [
            name,
            f"{min(times):.3f}",
            f"{statistics.median(times):.3f}",
            f"{min(times) / least:.2f}",
            f"{ratio(seconds, name):.2f}",
        ]
        for name, times in seconds.items()
    ]
    return table(["CPU seconds", "least", "median", "least, ratio", "median, ratio"], rows)


if __name__ == "__main__":
    sys.exit(main())
