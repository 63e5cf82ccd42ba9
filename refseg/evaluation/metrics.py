"""Summaries of intersection over union over many samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from refseg.mask_iou import intersection_and_union

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)


def overall_iou(intersections: Sequence[int], unions: Sequence[int]) -> float:
    """Sum of intersections over sum of unions: large objects count for more. 1 if all unions are empty."""
    total = sum(unions)
    return sum(intersections) / total if total else 1.0


def mean_iou(ious: Sequence[float]) -> float:
    """Mean of the samples' IoU; NaN for none."""
    return float(np.mean(ious)) if len(ious) else float("nan")


def precision_at(ious: Sequence[float], threshold: float) -> float:
    """Share of samples whose IoU is at least `threshold`, as the published codes count; NaN for none."""
    return float(np.mean(np.asarray(ious) >= threshold)) if len(ious) else float("nan")


class Score:
    """Collects samples one by one and sums them up."""

    def __init__(self) -> None:
        self._intersections: list[int] = []
        self._unions: list[int] = []
        self._ious: list[float] = []

    def __len__(self) -> int:
        return len(self._ious)

    def add(self, prediction: NDArray[np.bool_], target: NDArray[np.bool_]) -> float:
        """Add one sample, bool masks (H, W) of the same shape; returns its IoU."""
        intersection, union = intersection_and_union(prediction, target)
        self._intersections.append(intersection)
        self._unions.append(union)
        self._ious.append(intersection / union if union else 1.0)
        return self._ious[-1]

    def summary(self) -> dict[str, object]:
        """{"n", "overall_iou", "mean_iou", "precision": {"0.5": ..., ..., "0.9": ...}}, all in 0..1; None if there
        is no sample.
        """
        if not self._ious:
            return {"n": 0, "overall_iou": None, "mean_iou": None, "precision": {str(t): None for t in THRESHOLDS}}
        return {
            "n": len(self._ious),
            "overall_iou": overall_iou(self._intersections, self._unions),
            "mean_iou": mean_iou(self._ious),
            "precision": {str(t): precision_at(self._ious, t) for t in THRESHOLDS},
        }
