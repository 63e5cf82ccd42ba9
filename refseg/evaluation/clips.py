"""Evaluation on clips: region J and boundary F as on DAVIS (Perazzi et al., CVPR 2016), and the stability of masks."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from refseg.data.sequences import LabeledClip
from refseg.errors import DataError
from refseg.evaluation.boundary import TOLERANCE, boundary_f
from refseg.evaluation.metrics import Score
from refseg.evaluation.predictor_protocol import describe_verdict
from refseg.mask_iou import iou

BoolMask = NDArray[np.bool_]


class MeasuredAnswer(Protocol):
    """What the evaluation needs of a frame's segmentation."""

    def mask(self, threshold: float | None = None, refine: str = "none") -> BoolMask:
        """Bool mask (H, W) at the image's own size."""
        ...


class MeasuredFrame(Protocol):
    """What the evaluation needs of a frame's result."""

    @property
    def segmentation(self) -> MeasuredAnswer:
        """The answer."""
        ...


class MeasuredVideoPredictor(Protocol):
    """What the evaluation needs of a predictor of clips."""

    def run(self, clip: LabeledClip, expression: str) -> Iterator[MeasuredFrame]:
        """One result for each frame, in order."""
        ...


def evaluate_sequences(
    predictor: MeasuredVideoPredictor,
    clips: Sequence[LabeledClip],
    refine: str = "none",
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    threshold: float | None = None,
) -> dict[str, Any]:
    """Measure on every expression of every clip, frame by frame.

    limit: so many clips at most.  progress(frames done, all frames) is called after each frame. Shares in 0..1,
    ready for JSON: {"n", "overall_iou", "mean_iou" (J), "precision", "seconds", "protocol", "boundary_f" (F), "j_and_f"
    (their mean), "instability", "sequences": {name: {"mean_iou", "boundary_f", "instability"}}}. Raises DataError if
    there is no clip.
    """
    clips = clips[:limit]
    if not clips:
        raise DataError("got no sequence, expected at least one: choose another folder or limit")
    total = sum(len(clip) * len(clip.expressions) for clip in clips)
    started, done, pixels = time.perf_counter(), 0, Score()
    sequences: dict[str, dict[str, float]] = {}
    for clip in clips:
        rows = []
        for expression in clip.expressions:
            trace = _Trace()
            with closing(predictor.run(clip, expression)) as results:  # type: ignore[type-var]  # a generator
                for number, result in enumerate(results):
                    target, found = clip.mask(number), result.segmentation.mask(threshold, refine=refine)
                    trace.add(found, target)
                    pixels.add(found, target)
                    done += 1
                    if progress is not None:
                        progress(done, total)
            rows.append(trace.summary())
        sequences[clip.name] = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
    figures = {key: float(np.mean([row[key] for row in sequences.values()])) for key in next(iter(sequences.values()))}
    return {
        **pixels.summary(),
        "mean_iou": figures["mean_iou"],
        "seconds": round(time.perf_counter() - started, 3),
        "protocol": _describe(threshold, refine, len(clips)),
        "boundary_f": figures["boundary_f"],
        "j_and_f": (figures["mean_iou"] + figures["boundary_f"]) / 2,
        "instability": figures["instability"],
        "sequences": sequences,
    }


class _Trace:
    """One expression through one clip."""

    def __init__(self) -> None:
        self._region: list[float] = []
        self._boundary: list[float] = []
        self._instability: list[float] = []
        self._previous: tuple[BoolMask, BoolMask] | None = None

    def add(self, found: BoolMask, target: BoolMask) -> None:
        self._region.append(iou(found, target))
        self._boundary.append(boundary_f(found, target))
        if self._previous is not None:
            self._instability.append(abs(iou(self._previous[0], found) - iou(self._previous[1], target)))
        self._previous = found, target

    def summary(self) -> dict[str, float]:
        instability = float(np.mean(self._instability)) if self._instability else 0.0
        return {
            "mean_iou": float(np.mean(self._region)),
            "boundary_f": float(np.mean(self._boundary)),
            "instability": instability,
        }


def _describe(threshold: float | None, refine: str, clips: int) -> str:
    cut = f"cut at {threshold:g}" if threshold is not None else "cut at the model's own value"
    refined = "" if refine == "none" else f", refined by {refine}"
    return (
        f"{clips} clips; every frame of every expression is one sample of overall IoU and precision@X; mean IoU (J),"
        f" boundary F (as DAVIS defines it, matches within {TOLERANCE:g} of the diagonal) and instability (mean"
        " difference of the masks' and the labels' IoU with the frame before) are means over frames, then expressions,"
        f" then clips; the probability, at the image's own size, is {cut}{refined}; {describe_verdict(threshold)}."
    )
