"""The objects of a JSON of LabelMe: shapes to masks, groups, expressions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from refseg.annotation.importers.labelme.embedded import decode_base64
from refseg.annotation.importers.mask_images import read_binary_mask
from refseg.annotation.importers.objects import ImportedObject
from refseg.annotation.importers.report import ImportReport
from refseg.annotation.importers.shapes import (
    CUT,
    Points,
    circle_mask,
    is_cut,
    parse_points,
    paste_mask,
    rectangle_corners,
)
from refseg.annotation.importers.values import text
from refseg.annotation.layouts import UNNAMED, UNNAMED_KEY
from refseg.data.masks import BoolMask, polygons_to_mask
from refseg.errors import DataError

RECTANGLES = ("rectangle", "rotation", "oriented_rectangle")
POLYGONS = ("polygon", "quadrilateral")
_WITHOUT_AREA = ("point", "points", "line", "linestrip")
_DROPPED_KEYS = ("flags", "attributes", "difficult", "kie_linking")  # of a shape; counted if they say something


@dataclass
class _Shape:
    """A shape with pixels: corners (N, 2) of a polygon, or a mask (H, W) of the annotated size."""

    where: str
    corners: Points | None = None
    mask: BoolMask | None = None


@dataclass
class _Object:
    """Shapes that are one object."""

    category: str
    shapes: list[_Shape] = field(default_factory=list)
    expressions: dict[str, None] = field(default_factory=dict)


def read_objects(
    shapes: list[Any], height: int, width: int, report: ImportReport, file: str
) -> Iterator[ImportedObject]:
    """The objects of an image that was annotated at height x width pixels; shapes without pixels as objects with a
    problem."""
    objects: dict[Any, _Object] = {}
    for position, shape in enumerate(shapes):
        where = f"{file}: shapes[{position}]"
        if not isinstance(shape, dict):
            yield ImportedObject(where, problem="that is not a JSON object")
            continue
        label = text(shape.get("label"))
        where = f"{where} {label}".rstrip()
        try:
            found = _read_shape(shape, height, width, report, where)
        except DataError as error:
            yield ImportedObject(where, problem=str(error))
            continue
        group = shape.get("group_id")
        category = "" if label == UNNAMED and shape.get(UNNAMED_KEY) is True else label
        known = objects.setdefault(("alone", position) if group is None else (str(group), label), _Object(category))
        if known.shapes:
            report.alter("shape", "joined with another of its label and group", where)
        known.shapes.append(found)
        _add_expressions(known, shape, report, where)
    for one in objects.values():
        yield _joined(one, height, width)


def _joined(one: _Object, height: int, width: int) -> ImportedObject:
    """An object of one or several shapes."""
    found = ImportedObject(one.shapes[0].where, expressions=tuple(one.expressions), category=one.category)
    corners = [shape.corners.ravel().tolist() for shape in one.shapes if shape.corners is not None]
    if len(corners) == len(one.shapes):
        return replace(found, polygons=corners)
    drawn = polygons_to_mask(corners, height, width)
    return replace(found, mask=np.any([drawn, *(shape.mask for shape in one.shapes if shape.mask is not None)], axis=0))


def _add_expressions(known: _Object, shape: Mapping[str, Any], report: ImportReport, where: str) -> None:
    description = shape.get("description")
    if isinstance(description, dict | list | bool):
        report.skip("expression", "that is not text", where)
    known.expressions.update(dict.fromkeys(line.strip() for line in text(description).splitlines() if line.strip()))
    for key in _DROPPED_KEYS:
        value = shape.get(key)
        if any(value.values()) if isinstance(value, dict) else value:
            report.alter("object", f"without its {key}", where)


def _read_shape(shape: Mapping[str, Any], height: int, width: int, report: ImportReport, where: str) -> _Shape:
    """Raises DataError with the reason if the shape has no pixels."""
    kind = str(shape.get("shape_type") or "polygon").strip().casefold()
    if kind in _WITHOUT_AREA:
        raise DataError(f"of type {kind}, which has no area")
    if kind not in (*POLYGONS, *RECTANGLES, "circle", "mask"):
        raise DataError(f"of type {kind[:40]}, which is not known")
    points = parse_points(shape.get("points"))
    if kind == "mask":
        return _Shape(where, mask=_pasted(shape.get("mask"), points, height, width, report, where))
    if kind == "circle":
        return _Shape(where, mask=_nonempty(circle_mask(points, height, width), points))
    corners = rectangle_corners(points) if kind in RECTANGLES else points
    if len(corners) < 3:
        raise DataError("with a polygon of fewer than three points")
    if is_cut(corners, height, width):
        report.alter("object", CUT, where)
    return _Shape(where, corners)


def _pasted(data: Any, points: Points, height: int, width: int, report: ImportReport, where: str) -> BoolMask:
    """A mask that is a PNG of its box; points: the first and the last pixel of the box."""
    if len(points) not in (2, 4):
        raise DataError("with a mask whose box is not two corners")
    try:
        part = read_binary_mask(decode_base64(data), is_cropped=True)
    except DataError as error:
        raise DataError(f"with a mask that {error}") from error
    if part.note:
        report.alter("object", f"mask {part.note}", where)
    left, top = map(int, points.min(axis=0))
    right, bottom = map(int, points.max(axis=0))
    rows, columns = part.pixels.shape
    if (rows, columns) == (height, width):
        return _nonempty(part.pixels, points)
    if abs(rows - (bottom - top + 1)) > 1 or abs(columns - (right - left + 1)) > 1:
        raise DataError("with a mask of another size than its box")
    if is_cut(np.array([[left, top], [left + columns, top + rows]]), height, width, 0):
        report.alter("object", CUT, where)
    mask = paste_mask(part.pixels, left, top, height, width)
    if not mask.any():
        raise DataError("outside the image")
    return mask


def _nonempty(mask: BoolMask, points: Points) -> BoolMask:
    if not mask.any():
        raise DataError("without area" if (points[0] == points[-1]).all() else "outside the image")
    return mask
