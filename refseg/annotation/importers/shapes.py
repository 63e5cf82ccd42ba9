"""Shapes of annotation tools: rectangles, circles, pasted masks.

Positions are x, y in pixels; the center of the top left pixel is at (0.5, 0.5). A pixel belongs to a shape if its
center lies inside; polygons are filled as in `refseg.data.masks`.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from refseg.data.masks import BoolMask
from refseg.errors import DataError

Points = NDArray[np.float64]
"""Corners x, y (N, 2)."""

FAR = 1e6  # pixels; corners farther out are as good as any outside the image
CUT = "cut at the border of the image"


def parse_points(values: Any) -> Points:
    """Corners (N, 2) from a list of pairs; numbers may be written as text. Raises DataError unless all are finite
    numbers."""
    try:
        points = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        points = np.empty((0,))
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise DataError("with points that are not pairs of numbers")
    return points.clip(-FAR, FAR)


def box_corners(left: float, top: float, right: float, bottom: float) -> Points:
    """Corners (4, 2) of an upright rectangle; its sides may be given in either order."""
    x0, x1 = sorted((left, right))
    y0, y1 = sorted((top, bottom))
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=np.float64)


def rectangle_corners(points: Points) -> Points:
    """Corners (4, 2) in order of a rectangle: two opposite corners, or four in any order (the first may come again as a
    fifth), which may be rotated.

    Raises DataError for another number of points.
    """
    if len(points) == 5 and (points[0] == points[4]).all():
        points = points[:4]
    if len(points) not in (2, 4):
        raise DataError(f"with a rectangle of {_counted(points)}")
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    on_bounds = np.isin(points[:, 0], (left, right)) & np.isin(points[:, 1], (top, bottom))
    if len(points) == 2 or on_bounds.all():
        return box_corners(left, top, right, bottom)
    hull = cv2.convexHull(points.astype(np.float32).reshape(-1, 1, 2), returnPoints=False).ravel()
    return points[hull] if len(hull) >= 3 else box_corners(left, top, left, top)


def circle_mask(points: Points, height: int, width: int) -> BoolMask:
    """Mask (height, width) of a circle: its center and a point on it. Raises DataError for another number of points."""
    if len(points) != 2:
        raise DataError(f"with a circle of {_counted(points)}")
    center, radius = points[0], math.dist(*points.tolist())
    rest = radius**2 - (np.arange(height) + 0.5 - center[1]) ** 2
    reach = np.where(rest >= 0, np.sqrt(np.abs(rest)), -1.0)  # of each row, to both sides
    mask: BoolMask = np.abs(np.arange(width) + 0.5 - center[0]) <= reach[:, None]
    return mask


def paste_mask(part: BoolMask, left: int, top: int, height: int, width: int) -> BoolMask:
    """Mask (height, width) with a smaller one (h, w) at a place, cut at the border of the image."""
    mask = np.zeros((height, width), dtype=bool)
    y0, x0 = max(top, 0), max(left, 0)
    y1, x1 = min(top + part.shape[0], height), min(left + part.shape[1], width)
    if y1 > y0 and x1 > x0:
        mask[y0:y1, x0:x1] = part[y0 - top : y1 - top, x0 - left : x1 - left]
    return mask


def is_cut(points: Points, height: float, width: float, tolerance: float = 1.0) -> bool:
    """Whether a shape reaches out of the image by more than a tolerance, but lies inside in part, so that its mask is
    cut at the border."""
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    reaches_out = left < -tolerance or top < -tolerance or right > width + tolerance or bottom > height + tolerance
    return bool(reaches_out and right > 0 and bottom > 0 and left < width and top < height)


def crosses_itself(points: Points) -> bool:
    """Whether two sides of a polygon (N, 2) that are not neighbors cross or touch."""
    count = len(points)
    start, end = points, np.roll(points, -1, axis=0)
    for one in range(count - 2):
        others = np.arange(one + 2, count - 1 if one == 0 else count)
        if others.size and _meet(start[one], end[one], start[others], end[others]).any():
            return True
    return False


def _meet(a: Points, b: Points, c: Points, d: Points) -> NDArray[np.bool_]:
    """Whether the side a-b (2,) meets each side c-d (N, 2)."""

    def turn(p: Points, q: Points, r: Points) -> NDArray[np.float64]:
        u, v = np.atleast_2d(q - p), np.atleast_2d(r - p)
        return np.sign(np.round(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0], 12))

    boxes = (np.minimum(c, d) <= np.maximum(a, b)).all(axis=1) & (np.maximum(c, d) >= np.minimum(a, b)).all(axis=1)
    meets: NDArray[np.bool_] = boxes & (turn(a, b, c) * turn(a, b, d) <= 0) & (turn(c, d, a) * turn(c, d, b) <= 0)
    return meets


def _counted(points: Points) -> str:
    return f"{len(points)} {'point' if len(points) == 1 else 'points'}"
