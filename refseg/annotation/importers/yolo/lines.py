"""The lines of YOLO label files: boxes, polygons, and what trackers, detectors and pose models append to them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from refseg.annotation.importers.shapes import CUT, Points, box_corners, crosses_itself, is_cut
from refseg.errors import DataError

LEAST, MOST = -1.0, 2.0  # coordinates beyond are not shares of the image, but pixels
TOLERANCE = 0.01  # by which coordinates may leave 0..1 without a word, as in Ultralytics


@dataclass(frozen=True)
class KeypointShape:
    """count: keypoints of an object.  size: numbers of each: x, y, and its visibility if 3."""

    count: int
    size: int

    @property
    def length(self) -> int:
        """Numbers of a line after the class."""
        return 4 + self.count * self.size


@dataclass(frozen=True)
class LabelLine:
    """One object. category: the number of its class.  points: corners (N, 2) as shares of the image.  is_box: whether
    they are a box.  notes: what is dropped or altered, for the report."""

    category: int
    points: Points
    is_box: bool
    notes: tuple[str, ...] = ()


def parse_line(words: Sequence[str], keypoints: KeypointShape | None = None) -> LabelLine:
    """A line: class, then a box (center x, y, width, height) or corners x, y of a polygon; confidence and track number
    after them are dropped.

    keypoints: of data sets with pose labels, of which the boxes are used. Raises DataError with the reason if it is no
    such line.
    """
    category = _category(words[0])
    values, notes = _numbers(words[1:]), []
    if keypoints is not None and len(values) > 6:
        if len(values) - keypoints.length not in (0, 1) and keypoints.count:
            raise DataError(
                f"with {len(values)} numbers after the class, expected the {keypoints.length} of a box and its"
                " keypoints"
            )
        values = values[:4]
        notes.append("without its keypoints, the box is kept")
    elif len(values) == 5 or (len(values) == 6 and _is_track(words[-1], values[-1])):
        notes += ["without its track number" if _is_track(words[-1], values[-1]) else "without its confidence"]
        notes += ["without its confidence"] if len(values) == 6 else []
        values = values[:4]
    elif len(values) >= 7 and len(values) % 2:
        notes.append("without its track number" if _is_track(words[-1], values[-1]) else "without its confidence")
        values = values[:-1]
    if len(values) < 4 or len(values) % 2:
        raise DataError(f"with {len(values)} numbers after the class, expected a box or a polygon")
    is_box = len(values) == 4
    points = _box_corners(values) if is_box else np.array(values, dtype=np.float64).reshape(-1, 2)
    if (points < LEAST).any() or (points > MOST).any():
        raise DataError("with coordinates that are not from 0 to 1")
    if is_cut(points, 1, 1, TOLERANCE):
        notes.append(CUT)
    return LabelLine(category, points, is_box, tuple(notes))


def pose_shape(lines: Sequence[Sequence[str]]) -> KeypointShape | None:
    """The keypoints that lines hold if no data.yaml says so: all lines have the same length and read as a box with
    keypoints, but not as polygons.

    lines: words of all lines of a data set; boxes without keypoints may be among them. None for polygons and boxes, and
    if both readings are possible.
    """
    lines = [words for words in lines if len(words) != 5]
    lengths = {len(words) - 1 for words in lines}
    if len(lengths) != 1 or (length := lengths.pop()) < 7:
        return None
    try:
        rows = np.array([[float(word) for word in words[1:]] for words in lines])
    except ValueError:
        return None
    if not np.isfinite(rows).all() or (rows[:, 2:4] <= 0).any():
        return None
    for size in (3, 2):
        count, rest = divmod(length - 4, size)
        if rest or not count:
            continue
        points = rows[:, 4:].reshape(len(rows), count, size)
        if size == 3 and not np.isin(points[..., 2], (0, 1, 2)).all():
            continue
        if size == 3 and count > 1:
            return KeypointShape(count, size)  # no polygon has 0, 1 or 2 as every third number
        seen = (points[..., :2] != 0).any(axis=2)
        outside = (np.abs(points[..., :2] - rows[:, None, :2]) > 0.6 * rows[:, None, 2:4]).any(axis=2) & seen
        if not outside.any() and (size == 3 or _are_no_polygons(rows)):
            return KeypointShape(count, size)
    return None


def _are_no_polygons(rows: Points) -> bool:
    """Whether more than half of the lines, read as polygons, cross themselves."""
    crossing = sum(crosses_itself(row.reshape(-1, 2)) for row in rows[:1000])
    return 2 * crossing > len(rows[:1000])


def _category(word: str) -> int:
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if not (number.is_integer() and 0 <= number < 1e9):
        raise DataError("with a class that is not a whole number")
    return int(number)


def _numbers(words: Sequence[str]) -> list[float]:
    try:
        values = [float(word) for word in words]
    except ValueError:
        raise DataError("with words that are not numbers") from None
    if not all(map(math.isfinite, values)):
        raise DataError("with numbers that are not finite")
    return values


def _is_track(word: str, value: float) -> bool:
    """Whether the last number of a line is that of a track, a whole number, rather than a confidence or a
    coordinate."""
    return (value > 1 and value.is_integer()) or (value == 1 and word.isdecimal())


def _box_corners(values: Sequence[float]) -> Points:
    x, y, width, height = values
    if width < 0 or height < 0:
        raise DataError("with a box of negative size")
    return box_corners(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
