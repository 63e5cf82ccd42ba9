"""Clicks and boxes that correct a mask with the picture's help: GrabCut (Rother, Kolmogorov and Blake, 2004) where the person points.

A click is a promise about one place, so it changes only what hangs together with that place: of all that GrabCut would change, the connected piece
that holds the click. A box says where the whole thing is, so it decides about all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from refseg.data.masks import BoolMask, box_of
from refseg.errors import ProjectError

Point = tuple[float, float]
Box = tuple[float, float, float, float]
Value = TypeVar("Value", np.uint8, np.float32)

WORKING_SIDE = 300  # pixels: GrabCut takes about a third of a second there on one core
ITERATIONS = 3
MARGIN = 0.3  # of the region's extent, round it: colors of the background are learned there
CLICK = 0.012  # radius of what a click promises, of the region's diagonal
NEIGHBOURHOOD = 0.25  # likewise: how far round a click nothing is sure but it, and like colors are likely to be on its side
ALIKE = 12.0  # CIELAB steps of OpenCV (0..255)
SURE = 0.9  # of the model's probability: beyond (and below 1 - SURE) its word is taken, away from clicks and edges


def refine_with_clicks(
    image: NDArray[np.uint8],
    mask: BoolMask,
    positive: Sequence[Point],
    negative: Sequence[Point],
    probability: NDArray[np.float32] | None = None,
) -> BoolMask:
    """The mask after clicks on places (x, y in pixels of the picture) that belong to the thing, and on places that do not.

    image uint8 (H, W, 3), mask bool (H, W).  probability: the model's (H, W), which says what is sure to begin with; without it the mask does.
    The places clicked on themselves are always set or cleared. Raises ProjectError without a click, or with one outside of the picture.
    """
    height, width = mask.shape
    clicks = [*positive, *negative]
    if not clicks:
        raise ProjectError("got no click, expected one at least: click on what belongs to the thing or on what does not")
    for x, y in clicks:
        if not (0 <= x < width and 0 <= y < height):
            raise ProjectError(f"got a click at ({x:.0f}, {y:.0f}), expected one inside the picture of {width} x {height}")
    region = _region(mask, clicks)
    crop = _Crop(region, WORKING_SIDE)
    before = crop.shrunk_mask(mask)
    seeds = _seeds(before, None if probability is None else crop.shrunk(probability))
    small = crop.shrunk(image)
    reach = float(np.hypot(*before.shape))
    for point in clicks:
        near = _disc(before.shape, crop.inside(point), NEIGHBOURHOOD * reach)
        seeds[near] = np.where(before, cv2.GC_PR_FGD, cv2.GC_PR_BGD)[near]
    for points, likely, sure in ((positive, cv2.GC_PR_FGD, cv2.GC_FGD), (negative, cv2.GC_PR_BGD, cv2.GC_BGD)):
        for x, y in map(crop.inside, points):
            near = _disc(before.shape, (x, y), NEIGHBOURHOOD * reach)
            seeds[near & _alike(small, x, y) & (seeds != cv2.GC_FGD) & (seeds != cv2.GC_BGD)] = likely
            seeds[_disc(before.shape, (x, y), CLICK * reach)] = sure
    after = _grab_cut(small, seeds)
    kept = before.copy()
    for x, y in map(crop.inside, positive):
        kept |= _piece(after & ~before, x, y)
    for x, y in map(crop.inside, negative):
        kept &= ~_piece(before & ~after, x, y)
    return crop.merged(mask, before, kept)


def segment_box(image: NDArray[np.uint8], box: Box) -> BoolMask:
    """The thing that fills a box (left, top, right, bottom, in pixels), bool (H, W): what differs in color from what is round the box.

    Begins anew: a person who draws a box is not content with the mask, and measured on rough masks its help was none.
    Raises ProjectError for a box of less than 4 pixels inside the picture.
    """
    height, width = image.shape[:2]
    left, right = (round(min(max(value, 0), width)) for value in sorted((box[0], box[2])))
    top, bottom = (round(min(max(value, 0), height)) for value in sorted((box[1], box[3])))
    if right - left < 4 or bottom - top < 4:
        raise ProjectError(
            f"got a box of {right - left} x {bottom - top} pixels, expected at least 4 x 4 inside the picture: draw it again"
        )
    inside = np.zeros((height, width), np.bool_)
    inside[top:bottom, left:right] = True
    crop = _Crop(_padded((left, top, right, bottom), inside.shape), WORKING_SIDE)
    within = crop.shrunk_mask(inside)
    found = _grab_cut(crop.shrunk(image), np.where(within, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8))
    nothing = np.zeros_like(inside)
    return crop.merged(nothing, np.zeros_like(found), found) & inside


def _grab_cut(image: NDArray[np.uint8], seeds: NDArray[np.uint8]) -> BoolMask:
    """Foreground (h, w) for labels (h, w) of cv2.GC_*; what was likely before where one side has no pixel to learn from."""
    foreground = (seeds == cv2.GC_FGD) | (seeds == cv2.GC_PR_FGD)
    if foreground.all() or not foreground.any():
        return np.asarray(foreground)
    labels = seeds.copy()
    cv2.setRNGSeed(0)  # its k-means begins at random: the same click gives the same mask
    behind, before = np.zeros((1, 65)), np.zeros((1, 65))  # color models, for OpenCV to write into
    cv2.grabCut(np.ascontiguousarray(image[..., ::-1]), labels, (0, 0, 0, 0), behind, before, ITERATIONS, cv2.GC_INIT_WITH_MASK)
    return np.asarray((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD))


def _seeds(mask: BoolMask, probability: NDArray[np.float32] | None) -> NDArray[np.uint8]:
    """Labels to begin with: what lies deep inside or far outside is sure, unless the model doubted it."""
    depth = max(2.0, 0.04 * float(np.hypot(*mask.shape)))
    inner = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3) > depth
    outer = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3) > 2 * depth
    if probability is not None:
        inner &= probability >= SURE
        outer &= probability <= 1 - SURE
    seeds = np.where(mask, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    seeds[inner], seeds[outer] = cv2.GC_FGD, cv2.GC_BGD
    return seeds


def _piece(changed: BoolMask, x: int, y: int) -> BoolMask:
    """The connected piece of `changed` that holds a place; empty where the place is not in it."""
    if not changed[y, x]:
        return np.zeros_like(changed)
    _, labels = cv2.connectedComponents(changed.astype(np.uint8), connectivity=4)
    return np.asarray(labels == labels[y, x])


def _disc(shape: tuple[int, ...], center: tuple[int, int], radius: float) -> BoolMask:
    """A disc round a place x, y, at least a pixel wide."""
    disc = np.zeros(shape, np.uint8)
    cv2.circle(disc, center, max(1, round(radius)), 1, -1)
    return np.asarray(disc > 0)


def _alike(image: NDArray[np.uint8], x: int, y: int) -> BoolMask:
    """Where the color (CIELAB) is that of a place, or as near to it as the colors right round that place are."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    patch = lab[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].reshape(-1, 3)
    color = np.median(patch, axis=0)
    spread = float(np.median(np.linalg.norm(patch - color, axis=1)))
    return np.asarray(np.linalg.norm(lab - color, axis=2) <= ALIKE + 2 * spread)


def _region(mask: BoolMask, clicks: Sequence[Point]) -> tuple[int, int, int, int]:
    """Round the mask and the clicks, with a margin; round a lone click a quarter of the picture."""
    box = box_of(mask)
    height, width = mask.shape
    if box is None:
        side = 0.25 * max(height, width)
        box = (width, height, 0, 0)
        clicks = [(x + dx, y + dy) for x, y in clicks for dx in (-side, side) for dy in (-side, side)]
    xs, ys = [box[0], box[2], *(x for x, _ in clicks)], [box[1], box[3], *(y for _, y in clicks)]
    return _padded((int(min(xs)), int(min(ys)), int(max(xs)) + 1, int(max(ys)) + 1), mask.shape)


def _padded(box: tuple[int, int, int, int], shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    left, top, right, bottom = box
    margin = max(16, int(MARGIN * max(right - left, bottom - top)))
    return max(0, left - margin), max(0, top - margin), min(shape[1], right + margin), min(shape[0], bottom + margin)


class _Crop:
    """A part of the picture, reduced so that its longest side is at most `side`; and the way back."""

    def __init__(self, region: tuple[int, int, int, int], side: int) -> None:
        left, top, right, bottom = region
        self.window = slice(top, bottom), slice(left, right)
        scale = min(1.0, side / max(bottom - top, right - left))
        self.size = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))  # width, height, as OpenCV has them

    def shrunk(self, values: NDArray[Value]) -> NDArray[Value]:
        part = np.ascontiguousarray(values[self.window])
        return np.asarray(cv2.resize(part, self.size, interpolation=cv2.INTER_AREA), dtype=values.dtype)

    def shrunk_mask(self, mask: BoolMask) -> BoolMask:
        part = np.ascontiguousarray(mask[self.window]).astype(np.uint8) * 255
        return np.asarray(cv2.resize(part, self.size, interpolation=cv2.INTER_AREA) >= 128)

    def inside(self, point: Point) -> tuple[int, int]:
        """A place of the picture on the reduced grid."""
        rows, columns = self.window
        x = (point[0] - columns.start) / (columns.stop - columns.start) * self.size[0]
        y = (point[1] - rows.start) / (rows.stop - rows.start) * self.size[1]
        return min(max(int(x), 0), self.size[0] - 1), min(max(int(y), 0), self.size[1] - 1)

    def merged(self, mask: BoolMask, before: BoolMask, after: BoolMask) -> BoolMask:
        """The mask with the difference between `before` and `after`, enlarged; where these agree not a pixel of it changes."""
        part = mask[self.window]
        shape = (part.shape[1], part.shape[0])
        changed = cv2.resize((before != after).astype(np.uint8), shape, interpolation=cv2.INTER_NEAREST) > 0
        value = cv2.resize(after.astype(np.float32), shape, interpolation=cv2.INTER_LINEAR) >= 0.5
        merged: BoolMask = mask.copy()
        merged[self.window] = np.where(changed, value, part)
        return merged
