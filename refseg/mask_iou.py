"""Intersection over union (IoU) of two masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def intersection_and_union(prediction: NDArray[np.bool_], target: NDArray[np.bool_]) -> tuple[int, int]:
    """Count the pixels of the intersection and of the union of two masks, bool (H, W).

    Raises ValueError if their shapes differ.
    """
    if prediction.shape != target.shape:
        raise ValueError(f"the masks have shapes {prediction.shape} and {target.shape}, expected the same shape")
    return int(np.count_nonzero(prediction & target)), int(np.count_nonzero(prediction | target))


def iou(prediction: NDArray[np.bool_], target: NDArray[np.bool_]) -> float:
    """Return intersection over union, 0..1. Two empty masks have IoU 1."""
    intersection, union = intersection_and_union(prediction, target)
    return intersection / union if union else 1.0
