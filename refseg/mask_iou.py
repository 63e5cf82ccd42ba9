"""How far two masks agree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def intersection_and_union(prediction: NDArray[np.bool_], target: NDArray[np.bool_]) -> tuple[int, int]:
    """Pixels in both and in either of two bool masks (H, W). Raises ValueError when their shapes differ."""
    if prediction.shape != target.shape:
        raise ValueError(f"got masks of {prediction.shape} and {target.shape}, expected the same shape")
    return int(np.count_nonzero(prediction & target)), int(np.count_nonzero(prediction | target))


def iou(prediction: NDArray[np.bool_], target: NDArray[np.bool_]) -> float:
    """Intersection over union, 0..1; two empty masks agree, so theirs is 1."""
    intersection, union = intersection_and_union(prediction, target)
    return intersection / union if union else 1.0
