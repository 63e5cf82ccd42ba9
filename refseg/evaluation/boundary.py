"""Boundary F of two masks, as DAVIS defines it (Perazzi et al., CVPR 2016): how well their contours agree.

The definition is that of the official evaluation, down to the pixel:

1. The boundary map of a mask marks every pixel that differs from its right, lower or lower right neighbor. A contour
   therefore has one pixel on the mask's inside at its right and lower sides and one on its outside at its left and
   upper sides. The image's edge is no contour: the last row compares along the row only, the last column along the
   column only, and the last pixel is never marked. The map is one pixel wide by construction and is not thinned.
2. A boundary pixel is matched if the other map has one within a disk of ceil(0.008 x diagonal) pixels.
3. Precision is the matched share of the prediction's boundary, recall that of the annotation's; F is their harmonic
   mean.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

BoolMask = NDArray[np.bool_]
TOLERANCE = 0.008  # of the image's diagonal


def boundary_f(prediction: BoolMask, target: BoolMask, tolerance: float = TOLERANCE) -> float:
    """Boundary F, 0..1, of two bool masks (H, W).

    tolerance: largest distance of a match, as a share of the image's diagonal; rounded up to whole pixels. A mask
    without any contour is empty or fills the image: two of those have F = 1 (even one of each kind, as in the official
    evaluation), one of them beside a mask with a contour has F = 0. Raises ValueError for masks of different shapes, of
    other than two dimensions or without a pixel, and for a negative tolerance.
    """
    if prediction.shape != target.shape:
        raise ValueError(f"got masks of {prediction.shape} and {target.shape}, expected the same shape")
    if prediction.ndim != 2 or not prediction.size:
        raise ValueError(f"got masks of {prediction.shape}, expected (height, width) with at least one pixel")
    if tolerance < 0:
        raise ValueError(f"the tolerance is {tolerance}, expected a share of the diagonal of at least 0")
    predicted, wanted = boundary_map(prediction), boundary_map(target)
    if not predicted.any() or not wanted.any():
        return float(predicted.any() == wanted.any())
    disk = _disk(math.ceil(tolerance * math.hypot(*prediction.shape)))
    precision = _matched(predicted, wanted, disk)
    recall = _matched(wanted, predicted, disk)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def boundary_map(mask: BoolMask) -> BoolMask:
    """Bool (H, W): pixels that differ from their right, lower or lower right neighbor; see the module's text for the
    image's edge.
    """
    mask = mask.astype(bool)
    right, below = mask[:, :-1] ^ mask[:, 1:], mask[:-1] ^ mask[1:]
    boundary = np.zeros_like(mask)
    boundary[:, :-1] |= right  # the last row included: it has no other comparison
    boundary[:-1] |= below
    boundary[:-1, :-1] |= mask[:-1, :-1] ^ mask[1:, 1:]
    return boundary


def _matched(boundary: BoolMask, other: BoolMask, disk: NDArray[np.uint8]) -> float:
    """Share of the boundary's pixels that have a pixel of the other within the disk."""
    near = cv2.dilate(other.astype(np.uint8), disk) > 0
    return float((boundary & near).sum() / boundary.sum())


def _disk(radius: int) -> NDArray[np.uint8]:
    """(2 radius + 1, 2 radius + 1): 1 where the center is at most `radius` pixels away."""
    offsets = np.arange(-radius, radius + 1)
    return np.asarray(offsets[:, None] ** 2 + offsets**2 <= radius**2, dtype=np.uint8)
