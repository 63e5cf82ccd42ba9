"""Interactive segmentation without a network: clicks and boxes with GrabCut (Rother, Kolmogorov and Blake, 2004).

A click corrects the mask only near itself: of all that GrabCut would change, the connected piece that contains the
click. A box encloses the whole object, so it replaces the mask.
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

WORKING_SIDE = 300  # pixels; GrabCut takes about a third of a second at this size on one core
ITERATIONS = 3
MARGIN = 0.3  # of the region's longest side, around it: GrabCut learns the background there
CLICK_RADIUS = 0.012  # share of the region's diagonal: pixels with the click's label for certain
NEIGHBORHOOD = 0.25  # likewise: pixels that only the click is certain about; similar colors probably have its label
COLOR_DISTANCE = 12.0  # in CIELAB as OpenCV scales it (0..255): below, colors are similar
CERTAIN = 0.9  # the model's probability counts as certain above this, and below 1 - CERTAIN


def refine_with_clicks(
    image: NDArray[np.uint8],
    mask: BoolMask,
    positive: Sequence[Point],
    negative: Sequence[Point],
    probability: NDArray[np.float32] | None = None,
) -> BoolMask:
    """The mask corrected by clicks. The clicked pixels are always set or cleared.

    image: uint8 (H, W, 3).  mask: bool (H, W).
    positive, negative: clicks x, y in pixels of the image, on the object and on the background.
    probability: the model's, (H, W), from which the certain pixels are taken; None takes them from the mask.
    Raises ProjectError if there is no click, or one outside of the image.
    """
    height, width = mask.shape
    clicks = [*positive, *negative]
    if not clicks:
        raise ProjectError("There is no click. Expected at least one. Click on the object or on the background.")
    for x, y in clicks:
        if not (0 <= x < width and 0 <= y < height):
            raise ProjectError(
                f"A click is at ({x:.0f}, {y:.0f}). Expected one inside the image of {width} x {height}. Click on the"
                " image."
            )
    region = _region(mask, clicks)
    crop = _Crop(region, WORKING_SIDE)
    before = crop.reduce_mask(mask)
    seeds = _seed_labels(before, None if probability is None else crop.reduce(probability))
    small = crop.reduce(image)
    reach = float(np.hypot(*before.shape))
    for point in clicks:
        near = _disc(before.shape, crop.to_reduced(point), NEIGHBORHOOD * reach)
        seeds[near] = np.where(before, cv2.GC_PR_FGD, cv2.GC_PR_BGD)[near]
    for points, probable, certain in ((positive, cv2.GC_PR_FGD, cv2.GC_FGD), (negative, cv2.GC_PR_BGD, cv2.GC_BGD)):
        for x, y in map(crop.to_reduced, points):
            near = _disc(before.shape, (x, y), NEIGHBORHOOD * reach)
            seeds[near & _similar_colors(small, x, y) & (seeds != cv2.GC_FGD) & (seeds != cv2.GC_BGD)] = probable
            seeds[_disc(before.shape, (x, y), CLICK_RADIUS * reach)] = certain
    after = _grab_cut(small, seeds)
    kept = before.copy()
    for x, y in map(crop.to_reduced, positive):
        kept |= _piece(after & ~before, x, y)
    for x, y in map(crop.to_reduced, negative):
        kept &= ~_piece(before & ~after, x, y)
    return crop.merge(mask, before, kept)


def segment_box(image: NDArray[np.uint8], box: Box) -> BoolMask:
    """The object in a box: the pixels in it that differ in color from those around it, bool (H, W).

    box: left, top, right, bottom in pixels.  Ignores an existing mask, which did not help where it was measured on
    rough masks. Raises ProjectError if less than 4 x 4 pixels of the box are inside the image.
    """
    height, width = image.shape[:2]
    left, right = (round(min(max(value, 0), width)) for value in sorted((box[0], box[2])))
    top, bottom = (round(min(max(value, 0), height)) for value in sorted((box[1], box[3])))
    if right - left < 4 or bottom - top < 4:
        raise ProjectError(
            f"The box has {right - left} x {bottom - top} pixels. Expected at least 4 x 4 inside the image. Draw it"
            " again."
        )
    inside = np.zeros((height, width), np.bool_)
    inside[top:bottom, left:right] = True
    crop = _Crop(_padded((left, top, right, bottom), inside.shape), WORKING_SIDE)
    within = crop.reduce_mask(inside)
    found = _grab_cut(crop.reduce(image), np.where(within, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8))
    nothing = np.zeros_like(inside)
    return crop.merge(nothing, np.zeros_like(found), found) & inside


def _grab_cut(image: NDArray[np.uint8], seeds: NDArray[np.uint8]) -> BoolMask:
    """Foreground (h, w) from labels cv2.GC_* (h, w). Without foreground or background pixels to learn from, the labels'
    own.
    """
    foreground = (seeds == cv2.GC_FGD) | (seeds == cv2.GC_PR_FGD)
    if foreground.all() or not foreground.any():
        return np.asarray(foreground)
    labels = seeds.copy()
    cv2.setRNGSeed(0)  # its k-means starts at random; the same click must give the same mask
    behind, before = np.zeros((1, 65)), np.zeros((1, 65))  # color models, for OpenCV to write into
    cv2.grabCut(
        np.ascontiguousarray(image[..., ::-1]), labels, (0, 0, 0, 0), behind, before, ITERATIONS, cv2.GC_INIT_WITH_MASK
    )
    return np.asarray((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD))


def _seed_labels(mask: BoolMask, probability: NDArray[np.float32] | None) -> NDArray[np.uint8]:
    """First labels: pixels deep inside or far outside of the mask are certain, unless the model is uncertain about
    them.
    """
    depth = max(2.0, 0.04 * float(np.hypot(*mask.shape)))
    inner = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3) > depth
    outer = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3) > 2 * depth
    if probability is not None:
        inner &= probability >= CERTAIN
        outer &= probability <= 1 - CERTAIN
    seeds = np.where(mask, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    seeds[inner], seeds[outer] = cv2.GC_FGD, cv2.GC_BGD
    return seeds


def _piece(changed: BoolMask, x: int, y: int) -> BoolMask:
    """The connected piece of `changed` that contains a pixel; empty if none does."""
    if not changed[y, x]:
        return np.zeros_like(changed)
    _, labels = cv2.connectedComponents(changed.astype(np.uint8), connectivity=4)
    return np.asarray(labels == labels[y, x])


def _disc(shape: tuple[int, ...], center: tuple[int, int], radius: float) -> BoolMask:
    """A disc around a pixel x, y, at least one pixel wide."""
    disc = np.zeros(shape, np.uint8)
    cv2.circle(disc, center, max(1, round(radius)), 1, -1)
    return np.asarray(disc > 0)


def _similar_colors(image: NDArray[np.uint8], x: int, y: int) -> BoolMask:
    """Pixels whose CIELAB color is similar to that around a pixel x, y; the more it varies there, the more is
    similar.
    """
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    patch = lab[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].reshape(-1, 3)
    color = np.median(patch, axis=0)
    spread = float(np.median(np.linalg.norm(patch - color, axis=1)))
    return np.asarray(np.linalg.norm(lab - color, axis=2) <= COLOR_DISTANCE + 2 * spread)


def _region(mask: BoolMask, clicks: Sequence[Point]) -> tuple[int, int, int, int]:
    """A box around the mask and the clicks, with a margin; around clicks without a mask, a quarter of the image each
    way.
    """
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
    """A part of the image, reduced so that its longest side is at most `side` pixels, and the inverse."""

    def __init__(self, region: tuple[int, int, int, int], side: int) -> None:
        left, top, right, bottom = region
        self.window = slice(top, bottom), slice(left, right)
        scale = min(1.0, side / max(bottom - top, right - left))
        self.size = (
            max(1, round((right - left) * scale)),
            max(1, round((bottom - top) * scale)),
        )  # width, height, as OpenCV has them

    def reduce(self, values: NDArray[Value]) -> NDArray[Value]:
        part = np.ascontiguousarray(values[self.window])
        return np.asarray(cv2.resize(part, self.size, interpolation=cv2.INTER_AREA), dtype=values.dtype)

    def reduce_mask(self, mask: BoolMask) -> BoolMask:
        part = np.ascontiguousarray(mask[self.window]).astype(np.uint8) * 255
        return np.asarray(cv2.resize(part, self.size, interpolation=cv2.INTER_AREA) >= 128)

    def to_reduced(self, point: Point) -> tuple[int, int]:
        """A position in the image as a pixel x, y of the reduced part."""
        rows, columns = self.window
        x = (point[0] - columns.start) / (columns.stop - columns.start) * self.size[0]
        y = (point[1] - rows.start) / (rows.stop - rows.start) * self.size[1]
        return min(max(int(x), 0), self.size[0] - 1), min(max(int(y), 0), self.size[1] - 1)

    def merge(self, mask: BoolMask, before: BoolMask, after: BoolMask) -> BoolMask:
        """The full-size mask with the differences between `before` and `after`, which are reduced; other
        pixels stay.
        """
        part = mask[self.window]
        shape = (part.shape[1], part.shape[0])
        changed = cv2.resize((before != after).astype(np.uint8), shape, interpolation=cv2.INTER_NEAREST) > 0
        value = cv2.resize(after.astype(np.float32), shape, interpolation=cv2.INTER_LINEAR) >= 0.5
        merged: BoolMask = mask.copy()
        merged[self.window] = np.where(changed, value, part)
        return merged
