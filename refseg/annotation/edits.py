"""Edits of a mask: brush strokes and repairs. All functions take and return masks, bool (H, W), and change no
argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from refseg.data.masks import BoolMask, box_of
from refseg.errors import ProjectError

MAX_POINTS = 20_000  # of one stroke
MAX_COORDINATE = 1e6  # pixels; lines of OpenCV overflow beyond
SMOOTHING = 0.006  # of the diagonal of the mask's box: thinner parts are smoothed away


def draw_stroke(mask: BoolMask, points: NDArray[np.floating], radius: float, add: bool) -> BoolMask:
    """The mask with all pixels within `radius` of a line set (add) or cleared.

    points: (N, 2), x and y in pixels of the image; pixel (column i, row j) covers [i, i+1) x [j, j+1). One point draws
    a dot. Points may lie outside of the image. The line is rounded to whole pixels before distances are measured.
    Raises ProjectError for an invalid shape, number or radius.
    """
    line = np.asarray(points, dtype=np.float64)
    if line.ndim != 2 or line.shape[1:] != (2,) or not 1 <= len(line) <= MAX_POINTS or not np.isfinite(line).all():
        raise ProjectError(
            f"The stroke has the shape {line.shape}. Expected 1 to {MAX_POINTS} points x, y. Draw it again."
        )
    if not 0 < radius <= max(mask.shape):
        raise ProjectError(
            f"The brush radius is {radius:.4g}. Expected more than 0 and at most {max(mask.shape)} pixels. Choose"
            " another size."
        )
    drawn: BoolMask = mask.copy()
    height, width = mask.shape
    reach = int(np.ceil(radius)) + 1
    line = np.floor(np.clip([*line, line[-1]], -MAX_COORDINATE, MAX_COORDINATE)).astype(
        np.int64
    )  # OpenCV draws no line through a single point
    left, top = np.maximum(line.min(axis=0) - reach, 0).tolist()
    right, bottom = np.minimum(line.max(axis=0) + reach + 1, (width, height)).tolist()
    if left >= right or top >= bottom:
        return drawn
    # The window is larger than the image on all sides, so that a line outside of it counts with its width.
    off = np.ones((bottom - top + 2 * reach, right - left + 2 * reach), dtype=np.uint8)
    cv2.polylines(off, [(line - (left - reach, top - reach)).astype(np.int32).reshape(-1, 1, 2)], False, 0)
    distance = cv2.distanceTransform(off, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[reach:-reach, reach:-reach]
    drawn[top:bottom, left:right][distance <= radius] = add
    return drawn


def fill_holes(mask: BoolMask) -> BoolMask:
    """Fills the background that is not connected to the border of the image by steps along rows and columns."""
    background = np.pad(~mask, 1, constant_values=True).astype(np.uint8)
    _, labels = cv2.connectedComponents(background, connectivity=4)
    return np.asarray(labels[1:-1, 1:-1] != labels[0, 0])


def largest_component(mask: BoolMask) -> BoolMask:
    """The largest 8-connected component; of equal ones the topmost. An empty mask stays empty."""
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count <= 2:
        return np.array(mask)
    return np.asarray(labels == 1 + int(np.argmax(statistics[1:, cv2.CC_STAT_AREA])))


def smooth(mask: BoolMask) -> BoolMask:
    """Smooths the border by a Gaussian majority filter whose width depends on the mask's extent.

    The mask continues beyond the border of the image, so that it does not recede there.
    """
    box = box_of(mask)
    if box is None:
        return np.array(mask)
    left, top, right, bottom = box
    sigma = max(1.0, SMOOTHING * float(np.hypot(right - left, bottom - top)))
    margin = int(np.ceil(3 * sigma))
    rows = slice(max(0, top - margin), bottom + margin)
    columns = slice(max(0, left - margin), right + margin)
    smoothed: BoolMask = mask.copy()
    blurred = cv2.GaussianBlur(mask[rows, columns].astype(np.float32), (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    smoothed[rows, columns] = blurred >= 0.5
    return smoothed


REPAIRS: Mapping[str, Callable[[BoolMask], BoolMask]] = {
    "fill": fill_holes,
    "largest": largest_component,
    "smooth": smooth,
}
