"""measure how long answers take on this machine

Prints a table of seconds: median, fastest and slowest of several runs. A first answer includes the encoding of the
image; a further expression about the same image does not. Both include the mask at the size of the image.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from refseg.commands.arguments import add_model_arguments, count, load_predictor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EXPRESSION, FURTHER = "the red circle on the left", "the blue square"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--image", type=Path, metavar="F", help="image file (default: a synthetic image of 640 x 480)")
    parser.add_argument("--runs", type=count, default=5, metavar="N", help="runs of each case (default: 5)")
    add_model_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Measure and print a table."""
    import torch

    from refseg.evaluation.tables import table
    from refseg.images import load_image
    from refseg.inference.crf import why_unavailable

    image = load_image(arguments.image) if arguments.image is not None else synthetic_image()
    started = time.perf_counter()
    predictor = load_predictor(arguments)
    loading = time.perf_counter() - started
    predictor.segment(predictor.encode(image), [EXPRESSION])  # warm-up
    encoded = predictor.encode(image)
    (answer,) = predictor.segment(encoded, [EXPRESSION])
    cases: dict[str, Callable[[], object]] = {
        "first answer about an image": lambda: predictor.segment(predictor.encode(image), [EXPRESSION])[0].mask(),
        "further expression": lambda: predictor.segment(encoded, [FURTHER])[0].mask(),
        "16 further expressions": lambda: [one.mask() for one in predictor.segment(encoded, [FURTHER] * 16)],
    }
    if why_unavailable() is None:
        from refseg.inference.crf import refine_mask

        cases["refinement of the edges (CRF)"] = lambda: refine_mask(image, answer.probability)
    rows = []
    for name, case in cases.items():
        times = [_seconds(case) for _ in range(arguments.runs)]
        rows.append([name, *(f"{value:.3f}" for value in (statistics.median(times), min(times), max(times)))])
    place = (
        torch.cuda.get_device_name(predictor.device)
        if predictor.device.type == "cuda"
        else f"{predictor.device}, {torch.get_num_threads()} threads"
    )
    print(
        f"model {predictor.name} on {place}, {predictor.precision}; image {image.shape[1]} x {image.shape[0]}; loaded"
        f" in {loading:.2f} s"
    )
    print(table(["seconds", "median", "min", "max"], rows))
    if reason := why_unavailable():
        print(reason)


def _seconds(case: Callable[[], object]) -> float:
    """Measure the wall time of one call. Answers are numpy arrays, so a GPU has finished when the call returns."""
    started = time.perf_counter()
    case()
    return time.perf_counter() - started


def synthetic_image() -> "NDArray[np.uint8]":
    """Create uint8 (480, 640, 3): a red disk and a blue square on a ramp, with noise to be as hard as a photo."""
    import numpy as np

    y, x = np.mgrid[:480, :640]
    image = np.stack([100 + x // 8, 120 + y // 8, 140 - x // 16], axis=2)
    image[(y - 240) ** 2 + (x - 180) ** 2 < 90**2] = (205, 40, 40)
    image[170:330, 400:560] = (40, 60, 200)
    noise = np.random.default_rng(0).integers(-10, 11, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)
