"""The objects of rows as those of an image: masks decoded, categories named, equal objects of several rows merged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refseg.annotation.importers.datasets.cells import box_corners, is_image
from refseg.annotation.importers.datasets.columns import RowContent, RowObject
from refseg.annotation.importers.datasets.images import ImageFiles
from refseg.annotation.importers.datasets.tables import ClassNames, Table
from refseg.annotation.importers.mask_images import object_numbers, read_binary_mask, read_label_image
from refseg.annotation.importers.objects import ImportedObject
from refseg.annotation.importers.report import ImportReport
from refseg.annotation.importers.values import id_key, numbers, whole
from refseg.annotation.layouts import VOC_VOID
from refseg.data.masks import BoolMask, decode_counts, decode_rle
from refseg.errors import DataError

Size = tuple[int, int]
SOFT_VALUES = 8  # a mask of fewer values has several objects rather than soft edges


def objects_of(
    table: Table, rows: Sequence[tuple[str, RowContent]], size: Size, images: ImageFiles, report: ImportReport
) -> Iterator[ImportedObject]:
    """The objects of the rows of one image. size: (height, width) of the image as it was annotated."""
    merged: list[tuple[str, RowObject]] = []
    places: dict[bytes, int] = {}
    for where, content in rows:
        before = len(merged)
        for number, one in enumerate(content.objects, start=1):
            key = _key(one) if len(rows) > 1 else None
            known = places.get(key) if key is not None else None
            if known is not None and known < before:  # objects of one row are always different
                first = merged[known][1]
                merged[known] = (
                    merged[known][0],
                    replace(first, expressions=tuple(dict.fromkeys((*first.expressions, *one.expressions)))),
                )
                continue
            if key is not None:
                places[key] = len(merged)
            merged.append((f"{where}: object {number}" if len(content.objects) > 1 else where, one))
    is_own = rows[0][1].is_own
    for place, one in merged:
        yield from _imported(table, place, one, size, images, report, is_own=is_own)
    for where, content in rows:
        for expressions in content.no_target:
            yield ImportedObject(f"{where}: no-target entry", expressions=expressions, no_target=True)


def _imported(
    table: Table, where: str, one: RowObject, size: Size, images: ImageFiles, report: ImportReport, *, is_own: bool
) -> Iterator[ImportedObject]:
    category, category_id = _category(one, table.class_names, where, report, is_own=is_own)
    common = ImportedObject(
        where,
        expressions=one.expressions,
        category=category,
        original_id=id_key(one.id) if is_own else one.id,
        category_id=category_id,
    )
    mask = one.mask
    if is_image(mask) or isinstance(mask, str):
        source = images.mask_source(mask, table.folder)
        if source is None:
            yield replace(common, problem="whose mask image is missing")
        elif one.expressions or category:
            yield replace(common, mask=lambda: _binary(source, where, report))
        else:
            yield from _of_label_image(source, common, report)
    elif isinstance(mask, dict):
        yield replace(common, mask=lambda: decode_rle(mask))
    elif (grid := _grid(mask)) is not None:
        yield replace(common, mask=grid)
    elif (runs := _runs(mask, size)) is not None:
        yield replace(common, mask=lambda: decode_counts(runs, *size))
    elif mask:
        yield replace(common, polygons=mask, box=_box(one, size))
    else:
        yield replace(common, box=_box(one, size))


def _box(one: RowObject, size: Size) -> list[float] | None:
    return None if one.box is None else box_corners(one.box, size)


def _binary(source: Any, where: str, report: ImportReport) -> BoolMask:
    found = read_binary_mask(source)
    if found.note:
        values = len(np.unique(read_label_image(source).numbers))
        if 2 < values < SOFT_VALUES:
            raise DataError(f"the mask has {values} values, expected 0 and one other")
        report.alter("object", f"mask image {found.note}", where)
    return found.pixels


def _of_label_image(source: Any, common: ImportedObject, report: ImportReport) -> Iterator[ImportedObject]:
    """One object per number of a mask image that no expression and no category describes."""
    try:
        labels = read_label_image(source).numbers
    except DataError as error:
        yield replace(common, problem=f"whose mask image {str(error).split(':', 1)[0]}")
        return
    found = object_numbers(labels)
    if VOC_VOID not in found and (labels == VOC_VOID).any():
        report.skip("object", f"number {VOC_VOID} in a mask image, the border of other objects", common.where)
    if not found:
        yield replace(common, problem="whose mask image is empty")
    for number in found:
        yield replace(
            common, where=f"{common.where}: number {number}", mask=_pixels(labels, number), original_id=number
        )


def _pixels(labels: NDArray[np.int64], number: int) -> Callable[[], BoolMask]:
    def mask() -> BoolMask:
        pixels: BoolMask = labels == number
        return pixels

    return mask


def _category(
    one: RowObject, class_names: ClassNames, where: str, report: ImportReport, *, is_own: bool
) -> tuple[str, Any]:
    """The name of a category, and its number if the data set has numbers."""
    value = one.category
    if value is None or one.is_unnamed:
        return "", id_key(one.category_id)
    if isinstance(value, str) and one.category_id is not None:
        return value.strip(), id_key(one.category_id)
    number = whole(value)
    names = class_names.get(one.category_path) or next(
        (found for path, found in class_names.items() if path[-1:] == one.category_path[-1:]), None
    )
    if names and number is not None and not isinstance(value, bool):
        if 0 <= number < len(names):
            return names[number], number
        report.alter("object", "without its category, whose number has no name", where)
        return "", number
    if isinstance(value, str):
        return value.strip(), None
    report.alter(
        "object",
        "without its category, whose number has no name"
        if number is not None
        else "without its category, which is no text",
        where,
    )
    return "", number


def _grid(value: Any) -> BoolMask | None:
    """A mask given as rows of 0 and 1; None for anything else."""
    if (
        not isinstance(value, list)
        or len(value) < 2
        or not all(isinstance(row, list) and len(row) == len(value[0]) for row in value)
    ):
        return None
    if not value[0] or not all(isinstance(one, bool) or one in (0, 1) for one in value[0]):
        return None
    try:
        grid = np.asarray(value)
    except ValueError:
        return None
    if grid.ndim != 2 or grid.dtype.kind not in "biu" or not np.isin(grid, (0, 1)).all():
        return None
    return np.asarray(grid, dtype=bool)


def _runs(value: Any, size: Size) -> list[int] | None:
    """Run lengths that are given without a size, as a flat list of whole numbers that fill the image; None for
    anything else.
    """
    found = numbers(value) if isinstance(value, list) and value and not isinstance(value[0], list) else None
    if found is None or sum(found) != size[0] * size[1] or not all(one.is_integer() and one >= 0 for one in found):
        return None
    return [int(one) for one in found]


def _key(one: RowObject) -> bytes | None:
    """Equal for the same mask; None for objects that have none."""
    if one.mask is None:
        return None
    value = one.mask
    if isinstance(value, dict) and isinstance(value.get("bytes"), bytes):
        value = value["bytes"]
    data = value if isinstance(value, bytes) else _bytes(value)
    return hashlib.blake2b(data + _bytes([one.category, one.is_unnamed, id_key(one.id)]), digest_size=16).digest()


def _bytes(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, default=str).encode("utf-8", "surrogatepass")
