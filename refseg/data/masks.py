"""Masks as polygons, run lengths and boxes, in COCO's formats.

A mask is a bool array (H, W). COCO stores it as a list of polygons (flat lists x0, y0, x1, y1, ... in pixels, the
center of the top left pixel at (0.5, 0.5)) or as run lengths in column-major order that start with a run of background,
either as plain numbers or packed into a string.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from refseg.errors import DataError

BoolMask = NDArray[np.bool_]
Counts = NDArray[np.int64]

MAX_MASK_PIXELS = 50_000_000
# A run length below 2**63 never needs more than 13 groups of five bits.
_MAX_GROUPS = 13


def polygons_to_mask(polygons: Sequence[Sequence[float]], height: int, width: int) -> BoolMask:
    """Union of polygons as a bool mask (height, width), the same pixels as by pycocotools; each polygon is filled by
    the even-odd rule.

    Corners outside of the image are allowed. Raises DataError for a polygon that is not a flat list of at least three
    finite points.
    """
    _check_size(height, width)
    mask = np.zeros((height, width), dtype=bool)
    for polygon in polygons:
        points = _clipped(_points_of(polygon), height, width)
        if len(points) >= 3:
            mask |= coco.decode(coco.frPyObjects([points.ravel().tolist()], height, width))[..., 0].view(bool)
    return mask


def _points_of(polygon: Sequence[float]) -> NDArray[np.float64]:
    try:
        points = np.asarray(polygon, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            "A polygon is not a list of numbers, expected x0, y0, x1, y1, ... Fix the annotation."
        ) from error
    if points.ndim != 1 or points.size < 6 or points.size % 2 or not np.isfinite(points).all():
        raise DataError(
            f"A polygon has the shape {points.shape}, expected at least 6 finite numbers x0, y0, x1, ... Fix the"
            " annotation."
        )
    return points.reshape(-1, 2)


def _clipped(points: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """The part of a polygon (N, 2) that lies near the image (Sutherland and Hodgman, 1974).

    pycocotools walks along every edge, so a corner at 1e9 would cost gigabytes. Parts within one image size of
    the image do not change.
    """
    for axis, size in ((0, width), (1, height)):
        for limit, sign in ((-size, 1), (2 * size, -1)):
            distance = sign * (points[:, axis] - limit)  # at least 0 on the side that is kept
            if (distance >= 0).all():
                continue
            following, after = np.roll(points, -1, axis=0), np.roll(distance, -1)
            with np.errstate(divide="ignore", invalid="ignore"):
                crossing = points + (distance / (distance - after))[:, None] * (following - points)
            crossing[:, axis] = limit
            kept = np.stack([points, crossing], axis=1).reshape(-1, 2)
            points = kept[np.stack([distance >= 0, (distance >= 0) != (after >= 0)], axis=1).ravel()]
    return points


def encode_counts(mask: BoolMask) -> Counts:
    """Run lengths (N,) of a bool mask (H, W) in column-major order, beginning with background (0 when the first pixel
    is set).
    """
    flat = _transposed(np.asarray(mask, dtype=bool)).ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lead = [0, 0] if flat.size and flat[0] else [0]
    return np.diff(np.concatenate([np.array(lead, dtype=np.int64), edges, [flat.size]])).astype(np.int64)


def decode_counts(counts: Sequence[int] | Counts, height: int, width: int) -> BoolMask:
    """Bool mask (height, width) of run lengths; the inverse of `encode_counts`. Raises DataError when they do not fill
    the image.
    """
    _check_size(height, width)
    try:
        runs = np.asarray(counts)
        if runs.size == 0:
            runs = runs.astype(np.int64)
    except (TypeError, ValueError) as error:
        raise DataError(
            "got run lengths that are not a list of numbers, expected non-negative integers: fix the annotation"
        ) from error
    if runs.ndim != 1 or runs.dtype.kind not in "iu":
        raise DataError(
            f"got run lengths of type {runs.dtype}, shape {runs.shape}, expected a flat list of integers: fix the"
            " annotation"
        )
    pixels = height * width
    if int(runs.min(initial=0)) < 0:
        raise DataError(f"got a run length of {int(runs.min())}, expected non-negative integers: fix the annotation")
    if int(runs.max(initial=0)) > pixels or int(runs.sum()) != pixels:
        raise DataError(
            f"got run lengths that add up to {int(runs.sum())}, expected {height} x {width} = {pixels}: fix the"
            " annotation"
        )
    values = np.arange(runs.size) % 2 == 1
    flat = np.repeat(values, runs)
    return _transposed(flat.reshape(width, height))


def _transposed(mask: BoolMask) -> BoolMask:
    """(H, W) -> (W, H), contiguous. OpenCV goes in blocks: on large masks several times as fast as NumPy's copy."""
    if mask.size == 0:
        return np.ascontiguousarray(mask.T)
    return np.asarray(cv2.transpose(np.ascontiguousarray(mask).view(np.uint8))).view(np.bool_)


def pack_counts(counts: Sequence[int] | Counts) -> str:
    """COCO's string of run lengths: differences to the count before the last, five bits a character, lowest first."""
    runs = np.asarray(counts, dtype=np.int64)
    deltas = runs.copy()
    deltas[3:] -= runs[1:-2]
    groups, values, open_ = [], deltas, np.ones(len(deltas), dtype=bool)
    while open_.any():
        low = values & 0x1F
        values = values >> 5
        # The number ends where what is left is only its sign, and that sign is bit 4 of this group.
        more = np.where(low & 0x10, values != -1, values != 0)
        groups.append(np.where(open_, low | np.where(more, 0x20, 0), -1))
        open_ = open_ & more
    if not groups:
        return ""
    codes = np.stack(groups, axis=1).ravel()
    return bytes((codes[codes >= 0] + 48).astype(np.uint8)).decode("ascii")


def unpack_counts(text: str) -> Counts:
    """Run lengths (N,) of COCO's string; the inverse of `pack_counts`. Raises DataError for a string that is none."""
    codes = np.frombuffer(text.encode("utf-8"), dtype=np.uint8).astype(np.int64) - 48
    if codes.size == 0:
        return np.zeros(0, dtype=np.int64)
    if codes.min() < 0 or codes.max() > 63:
        raise DataError(
            "got a run-length string with characters outside '0'..'o', expected COCO's compressed counts: fix the"
            " annotation"
        )
    final = (codes & 0x20) == 0
    if not final[-1]:
        raise DataError(
            "got a run-length string that stops inside a number, expected COCO's compressed counts: fix the annotation"
        )
    ends = np.flatnonzero(final)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if int(lengths.max()) > _MAX_GROUPS - 1:
        raise DataError(
            "got a run-length string with a number over 60 bits, expected COCO's compressed counts: fix the annotation"
        )
    place = np.arange(codes.size) - np.repeat(starts, lengths)
    values = np.add.reduceat((codes & 0x1F) << (5 * place), starts)
    negative = (codes[ends] & 0x10) != 0
    values = np.where(negative, values - (np.int64(1) << (5 * lengths)), values)
    # counts[i] = value[i] + counts[i - 2] for i > 2: two interleaved running sums, the first number apart.
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def encode_rle(mask: BoolMask, compressed: bool = True) -> dict[str, Any]:
    """COCO run-length object {"size": [H, W], "counts": str or list} of a bool mask (H, W)."""
    counts = encode_counts(mask)
    return {
        "size": [int(mask.shape[0]), int(mask.shape[1])],
        "counts": pack_counts(counts) if compressed else counts.tolist(),
    }


def decode_rle(rle: Mapping[str, Any]) -> BoolMask:
    """Bool mask of a COCO run-length object whose counts are a string or a list. Raises DataError when it is
    malformed.
    """
    size, counts = rle.get("size"), rle.get("counts")
    if not (isinstance(size, list | tuple) and len(size) == 2 and all(isinstance(side, int) for side in size)):
        raise DataError(f"got a run-length size {size!r}, expected [height, width]: fix the annotation")
    if isinstance(counts, bytes):
        counts = counts.decode("ascii", errors="replace")
    if isinstance(counts, str):
        return decode_counts(unpack_counts(counts), size[0], size[1])
    if isinstance(counts, list | tuple | np.ndarray):
        return decode_counts(counts, size[0], size[1])
    raise DataError(
        f"got run-length counts of type {type(counts).__name__}, expected a string or a list: fix the annotation"
    )


def segmentation_to_mask(segmentation: Any, height: int, width: int) -> BoolMask:
    """Bool mask (height, width) of a COCO `segmentation`: a list of polygons or a run-length object of that size.
    Raises DataError.
    """
    if isinstance(segmentation, Mapping):
        mask = decode_rle(segmentation)
        if mask.shape != (height, width):
            raise DataError(
                f"got a run-length mask of {mask.shape[0]} x {mask.shape[1]}, expected {height} x {width}: fix the"
                " annotation"
            )
        return mask
    if isinstance(segmentation, list | tuple):
        return polygons_to_mask(segmentation, height, width)
    raise DataError(
        f"got a segmentation of type {type(segmentation).__name__}, expected polygons or run lengths: fix the"
        " annotation"
    )


def box_of(mask: BoolMask) -> tuple[int, int, int, int] | None:
    """Smallest box (left, top, right, bottom) round the set pixels, right and bottom exclusive; None for an
    empty mask.
    """
    rows = np.flatnonzero(mask.any(axis=1))
    if rows.size == 0:
        return None
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(mask[top:bottom].any(axis=0))
    return int(columns[0]), top, int(columns[-1]) + 1, bottom


def _check_size(height: int, width: int) -> None:
    if height < 1 or width < 1 or height * width > MAX_MASK_PIXELS:
        raise DataError(
            f"got a mask size of {height} x {width}, expected 1 x 1 to {MAX_MASK_PIXELS} pixels: fix the annotation"
        )
