"""LabelMe: a JSON beside each picture.

Written are shapes of the type "mask" (LabelMe 5.3 and later): a PNG of the mask's box, so to the pixel and with holes. The label is the category, the
description holds the expressions, one a line. What LabelMe has no place for are further entries of the JSON, which it keeps: `split`, and `absent`, a
list of lists of expressions.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from refseg.annotation.disk import is_file
from refseg.annotation.importers.reading import inside, new_layer, png_numbers, take, texts
from refseg.annotation.layouts import UNNAMED
from refseg.annotation.progress import Progress, followed, silent
from refseg.annotation.records import Layer
from refseg.annotation.store import Project
from refseg.data.json_entries import read_json
from refseg.data.masks import BoolMask, polygons_to_mask
from refseg.errors import DataError

FAR = 1e6  # pixels; corners farther out are as good as any outside the picture


def import_labelme(root: Path, project: Project, progress: Progress = silent) -> int:
    """All JSON files of LabelMe in a folder and those in it, with their pictures; returns the number of masks.

    Shapes of one label and one group are one thing. Lines and points have no inside and are left out. Raises DataError, ImageError or ProjectError.
    """
    count, found = 0, False
    for file in followed(sorted(root.rglob("*.json"), key=lambda path: (path.parent, path.stem)), progress):
        values = read_json(file)
        if isinstance(values, dict) and "shapes" in values:  # others may lie beside
            count += _take(root, project, file, values)
            found = True
    if not found:
        raise DataError(f"{root} holds no JSON file of LabelMe, expected one beside each picture")
    return count


def _take(root: Path, project: Project, file: Path, values: Mapping[str, Any]) -> int:
    shapes, split = values["shapes"], values.get("split", "")
    if not isinstance(shapes, list) or not all(isinstance(shape, dict) for shape in shapes) or not isinstance(split, str):
        raise DataError(f"{file} is not what was expected: shapes that are a list of objects, and a split that is a text, if any")
    absent = values.get("absent") or []
    if not isinstance(absent, list):
        raise DataError(f"{file} says what is absent by {str(absent)[:80]!r}, expected a list of lists of texts")

    def layers(height: int, width: int) -> Iterator[Layer]:
        size = values.get("imageHeight", height), values.get("imageWidth", width)
        if size not in ((height, width), (None, None)):
            raise DataError(
                f"{file} is of {str(size[1])[:20]} x {str(size[0])[:20]} pixels, its picture has {width} x {height}: put the right one there"
            )
        for number, (category, masks, sentences) in enumerate(_things(shapes, height, width, file), start=1):
            yield new_layer(str(number), np.any(masks, axis=0), sentences, category)
        for number, sentences in enumerate(absent, start=1):
            yield new_layer(f"absent-{number}", None, texts(sentences, f"{file}, absent"), absent=True)

    return take(project, _picture(root, file, values), layers, split=split)


def _picture(root: Path, file: Path, values: Mapping[str, Any]) -> Path:
    """Where imagePath says, seen from the JSON, or else beside it: people move both."""
    stated = values.get("imagePath")
    if not isinstance(stated, str) or not stated:
        raise DataError(f"{file} has the imagePath {str(stated)[:80]!r}, expected the name of its picture")
    folder = PurePosixPath(file.parent.relative_to(root).as_posix())
    picture = PurePosixPath(stated.replace("\\", "/"))  # as LabelMe writes it on Windows
    beside = folder / picture.name
    try:
        return inside(root, str(folder / picture), file)
    except DataError:
        if is_file(root / beside):
            return inside(root, str(beside), file)
        raise


def _things(shapes: list[dict[str, Any]], height: int, width: int, file: Path) -> list[tuple[str, list[BoolMask], list[str]]]:
    """Category, masks and expressions of each thing: a shape, or those of one group."""
    things: dict[tuple[str, str], tuple[str, list[BoolMask], list[str]]] = {}
    for position, shape in enumerate(shapes):
        where = f"{file}: shapes[{position}]"
        label, description, group = shape.get("label"), shape.get("description") or "", shape.get("group_id")
        if not isinstance(label, str) or not isinstance(description, str):
            raise DataError(f"{where} has the label {str(label)[:80]!r} and the description {str(description)[:80]!r}, expected texts")
        mask = _mask(shape, height, width, where)
        if mask is not None:
            key = (f"alone {position}", "") if group is None else (f"group {group}", label)
            _, masks, sentences = things.setdefault(key, ("" if label == UNNAMED else label, [], []))
            masks.append(mask)
            sentences.extend(text for text in description.split("\n") if text.strip() and text not in sentences)
    return list(things.values())


def _mask(shape: Mapping[str, Any], height: int, width: int, where: str) -> BoolMask | None:
    """What a shape covers, (height, width); None for one that has no inside."""
    kind = shape.get("shape_type") or "polygon"
    if kind not in ("polygon", "oriented_rectangle", "rectangle", "circle", "mask"):
        return None
    points = shape.get("points")
    try:
        corners = np.asarray(points, dtype=np.float64)
    except (TypeError, ValueError):
        corners = np.empty((0, 2))
    two = kind in ("rectangle", "circle", "mask")
    if (
        corners.ndim != 2
        or corners.shape[1] != 2
        or len(corners) < (2 if two else 3)
        or (two and len(corners) > 2)
        or not np.isfinite(corners).all()
    ):
        raise DataError(f"{where} is a {kind} of the points {str(points)[:80]}, expected x and y of each of its points")
    corners = corners.clip(-FAR, FAR)
    if kind == "mask":
        return _pasted(shape.get("mask"), corners[0], height, width, where)
    if kind == "circle":
        return _disc(corners[0], math.dist(*corners), height, width)
    if kind == "rectangle":
        (x0, y0), (x1, y1) = corners
        corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    return polygons_to_mask([corners.ravel().tolist()], height, width)


def _pasted(data: Any, corner: np.ndarray[Any, np.dtype[np.float64]], height: int, width: int, where: str) -> BoolMask:
    try:
        png = base64.b64decode(data, validate=True) if isinstance(data, str) else b""
    except ValueError as error:
        raise DataError(f"{where} has a mask that is no base64 ({error}), expected that of a PNG") from error
    part = png_numbers(png, f"{where}, its mask", height, width) > 0
    left, top = map(int, corner)
    bottom, right = top + part.shape[0], left + part.shape[1]
    if left < 0 or top < 0 or right > width or bottom > height:
        raise DataError(f"{where} has a mask that ends at {right}, {bottom}, outside its picture of {width} x {height}")
    mask = np.zeros((height, width), dtype=bool)
    mask[top:bottom, left:right] = part
    return mask


def _disc(centre: np.ndarray[Any, np.dtype[np.float64]], radius: float, height: int, width: int) -> BoolMask:
    """The pixels whose centres are in a circle."""
    rest = radius**2 - (np.arange(height) + 0.5 - centre[1]) ** 2
    reach = np.where(rest >= 0, np.sqrt(np.abs(rest)), -1.0)  # of each row, to both sides
    mask: BoolMask = np.abs(np.arange(width) + 0.5 - centre[0]) <= reach[:, None]
    return mask
