"""How a predictor is measured on clips: region, boundary and steadiness, as on DAVIS (Perazzi et al., CVPR 2016)."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from refseg.data.sequences import LabelledClip
from refseg.errors import DataError
from refseg.evaluation.metrics import Score
from refseg.evaluation.predictor_protocol import describe_verdict
from refseg.mask_iou import iou

BoolMask = NDArray[np.bool_]
TOLERANCE = 0.008  # of the picture's diagonal, as on DAVIS


class MeasuredAnswer(Protocol):
    """What the protocol needs of a frame's segmentation."""

    def mask(self, threshold: float | None = None, refine: str = "none") -> BoolMask:
        """Bool mask (H, W) at the picture's own size."""
        ...


class MeasuredFrame(Protocol):
    """What the protocol needs of a frame's result."""

    @property
    def segmentation(self) -> MeasuredAnswer:
        """The answer."""
        ...


class MeasuredVideoPredictor(Protocol):
    """What the protocol needs of a predictor of clips."""

    def run(self, clip: LabelledClip, expression: str) -> Iterator[MeasuredFrame]:
        """One result for each frame, in order."""
        ...


def evaluate_sequences(
    predictor: MeasuredVideoPredictor,
    clips: Sequence[LabelledClip],
    refine: str = "none",
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    threshold: float | None = None,
) -> dict[str, Any]:
    """Measure on every expression of every clip, frame by frame.

    limit: so many clips at most.  progress(frames done, frames in all) is called after each frame. Shares in 0..1,
    ready for JSON: {"n", "overall_iou", "mean_iou", "precision", "seconds", "protocol", "boundary_f", "instability",
    "sequences": {name: {"mean_iou", "boundary_f", "instability"}}}. Raises DataError where there is nothing to measure.
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
        "instability": figures["instability"],
        "sequences": sequences,
    }


class _Trace:
    """One expression through one clip."""

    def __init__(self) -> None:
        self._region: list[float] = []
        self._boundary: list[float] = []
        self._unsteady: list[float] = []
        self._before: tuple[BoolMask, BoolMask] | None = None

    def add(self, found: BoolMask, target: BoolMask) -> None:
        self._region.append(iou(found, target))
        self._boundary.append(boundary_f(found, target))
        if self._before is not None:
            self._unsteady.append(abs(iou(self._before[0], found) - iou(self._before[1], target)))
        self._before = found, target

    def summary(self) -> dict[str, float]:
        steady = float(np.mean(self._unsteady)) if self._unsteady else 0.0
        return {"mean_iou": float(np.mean(self._region)), "boundary_f": float(np.mean(self._boundary)), "instability": steady}


def boundary_f(found: BoolMask, target: BoolMask, tolerance: float = TOLERANCE) -> float:
    """F measure, 0..1, of two masks' outlines (H, W): a point of one counts as met where the other passes within
    `tolerance` of the diagonal.
    """
    if found.shape != target.shape:
        raise ValueError(f"got masks of {found.shape} and {target.shape}, expected the same shape")
    outlines = [_outline(mask) for mask in (found, target)]
    if not outlines[0].any() or not outlines[1].any():
        return float(outlines[0].any() == outlines[1].any())
    radius = max(1, math.ceil(tolerance * math.hypot(*found.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    near = [cv2.dilate(outline.astype(np.uint8), disc) > 0 for outline in outlines]
    precision = float((outlines[0] & near[1]).sum() / outlines[0].sum())
    recall = float((outlines[1] & near[0]).sum() / outlines[1].sum())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _outline(mask: BoolMask) -> BoolMask:
    """Pixels of the mask that touch what is outside it; the picture's border counts as inside."""
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(mask & (inner == 0))


def _describe(threshold: float | None, refine: str, clips: int) -> str:
    cut = f"cut at {threshold:g}" if threshold is not None else "cut at the model's own value"
    refined = "" if refine == "none" else f", refined by {refine}"
    return (
        f"{clips} clips; every frame of every expression is one sample of overall IoU and precision@X; mean IoU (J), boundary F (within {TOLERANCE:g} of the "
        f"diagonal) and instability (mean difference of the masks' and the labels' IoU with the frame before) are means over frames, then expressions, "
        f"then clips; the probability, at the picture's own size, is {cut}{refined}; {describe_verdict(threshold)}."
    )
