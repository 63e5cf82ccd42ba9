"""What a hand does to a mask: strokes, and the small repairs that a person asks for by name. Pure: masks in, masks out, bool (H, W) at picture size."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from refseg.data.masks import BoolMask, box_of
from refseg.errors import ProjectError

MAX_POINTS = 20_000  # of one stroke
FAR = 1e6  # pixels: beyond, OpenCV's lines overflow
SMOOTHING = 0.006  # of the mask's own extent: what is thinner than about this is smoothed away


def draw_stroke(mask: BoolMask, points: NDArray[np.floating], radius: float, add: bool) -> BoolMask:
    """The mask with all pixels within `radius` of a line set (add) or cleared.

    points (N, 2): x, y in pixels of the picture, where the pixel (column i, row j) covers [i, i+1) x [j, j+1); one point is a dot. They may lie outside.
    The line is rounded to whole pixels before the distance is taken. Raises ProjectError for points or a radius that are not usable.
    """
    line = np.asarray(points, dtype=np.float64)
    if line.ndim != 2 or line.shape[1:] != (2,) or not 1 <= len(line) <= MAX_POINTS or not np.isfinite(line).all():
        raise ProjectError(f"got a stroke of shape {line.shape}, expected 1 to {MAX_POINTS} points x, y: draw it again")
    if not 0 < radius <= max(mask.shape):
        raise ProjectError(
            f"got a brush of radius {radius:.4g}, expected more than 0 and at most {max(mask.shape)} pixels: choose another size"
        )
    drawn: BoolMask = mask.copy()
    height, width = mask.shape
    reach = int(np.ceil(radius)) + 1
    line = np.floor(np.clip([*line, line[-1]], -FAR, FAR)).astype(np.int64)  # OpenCV draws nothing through one point
    left, top = np.maximum(line.min(axis=0) - reach, 0).tolist()
    right, bottom = np.minimum(line.max(axis=0) + reach + 1, (width, height)).tolist()
    if left >= right or top >= bottom:
        return drawn
    # The window reaches beyond the picture on all sides, so that a line outside of it still throws its width in.
    off = np.ones((bottom - top + 2 * reach, right - left + 2 * reach), dtype=np.uint8)
    cv2.polylines(off, [(line - (left - reach, top - reach)).astype(np.int32).reshape(-1, 1, 2)], False, 0)
    distance = cv2.distanceTransform(off, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[reach:-reach, reach:-reach]
    drawn[top:bottom, left:right][distance <= radius] = add
    return drawn


def fill_holes(mask: BoolMask) -> BoolMask:
    """Background that does not reach the picture's border (by steps along rows and columns) becomes part of the mask."""
    background = np.pad(~mask, 1, constant_values=True).astype(np.uint8)
    _, labels = cv2.connectedComponents(background, connectivity=4)
    return np.asarray(labels[1:-1, 1:-1] != labels[0, 0])


def largest_component(mask: BoolMask) -> BoolMask:
    """The largest piece alone (diagonal neighbours belong together); of equals the one that begins further up. An empty mask stays empty."""
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count <= 2:
        return np.array(mask)
    return np.asarray(labels == 1 + int(np.argmax(statistics[1:, cv2.CC_STAT_AREA])))


def smooth(mask: BoolMask) -> BoolMask:
    """A calmer border: the majority under a Gaussian whose width follows the mask's extent; the picture's border is no border of the mask."""
    box = box_of(mask)
    if box is None:
        return np.array(mask)
    left, top, right, bottom = box
    sigma = max(1.0, SMOOTHING * float(np.hypot(right - left, bottom - top)))
    margin = int(np.ceil(3 * sigma))
    rows = slice(max(0, top - margin), bottom + margin)
    columns = slice(max(0, left - margin), right + margin)
    calm: BoolMask = mask.copy()
    blurred = cv2.GaussianBlur(mask[rows, columns].astype(np.float32), (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    calm[rows, columns] = blurred >= 0.5
    return calm


REPAIRS: Mapping[str, Callable[[BoolMask], BoolMask]] = {"fill": fill_holes, "largest": largest_component, "smooth": smooth}
