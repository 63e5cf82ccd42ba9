"""What the columns of a row mean, by their usual names: the image, its objects, and what this project itself writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from refseg.annotation.importers.datasets.cells import expressions_of, is_image, plain
from refseg.annotation.importers.values import texts, whole
from refseg.annotation.layouts import UNNAMED

# In the order in which they are looked for. Names are compared in lower case.
PATHS = ("file_name", "image_file_name", "filename", "image_path", "img_path", "file_path", "path", "image_url")
IMAGES = ("image", "img", "jpg", "jpeg", "png", "webp", "picture", "photo", "pixel_values", "image_bytes")
MASKS = (
    *(
        "segmentation",
        "segmentations",
        "mask",
        "masks",
        "rle",
        "polygon",
        "polygons",
        "segmentation_mask",
        "mask_image",
        "mask_file_name",
    ),
    *("mask_path", "annotation", "label", "labels", "seg", "gt"),
)
BOXES = ("bbox", "bboxes", "box", "boxes")
CATEGORIES = (
    "category",
    "categories",
    "category_name",
    "class_name",
    "class",
    "classes",
    "label",
    "labels",
    "label_name",
    "name",
    "category_id",
)
EXPRESSIONS = (
    *(
        "expressions",
        "expression",
        "referring_expressions",
        "referring_expression",
        "sentences",
        "sentence",
        "sents",
        "phrases",
        "phrase",
    ),
    *("refs", "captions", "caption", "texts", "text", "prompt", "query", "answer"),
)
OBJECT_IDS = ("ann_id", "annotation_id", "object_id", "anno_id")
OBJECTS = ("objects", "annotations", "instances", "anns", "samples")
NO_TARGET = ("absent", "no_target", "no_targets")
# Columns that are read elsewhere, or that follow from the others.
_KNOWN = frozenset(
    (
        "width",
        "height",
        "image_id",
        "id",
        "state",
        "split",
        "source",
        "clip",
        "frame",
        "unnamed",
        "area",
        "iscrowd",
        "size",
        "mode",
        "format",
    )
)


@dataclass(frozen=True)
class RowObject:
    """An object as a row has it.

    mask: run lengths, polygons or a mask image, None for none.  box: four numbers.  category: a text or number;
    category_id: beside a text.
    category_path: of its column.
    """

    mask: Any = None
    box: Any = None
    category: Any = None
    category_path: tuple[str, ...] = ()
    expressions: tuple[str, ...] = ()
    id: Any = None
    category_id: Any = None
    is_unnamed: bool = False


@dataclass(frozen=True)
class RowContent:
    """A row, understood. image: bytes or the name of a file, None for none; path: a name that goes with bytes.  size:
    (height, width) that it gives.

    problems: what of its objects cannot be understood.  unknown: names of columns that are not read.
    """

    image: bytes | str | None
    path: str
    size: tuple[int, int] | None
    objects: tuple[RowObject, ...]
    no_target: tuple[tuple[str, ...], ...]
    id: Any = None
    source: Mapping[str, Any] = field(default_factory=dict)
    state: Any = None
    is_own: bool = False
    problems: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def understand(row: Mapping[str, Any]) -> RowContent:
    """The content of a row."""
    columns = {str(name).casefold(): name for name in row}
    used: set[str] = set()
    problems: list[str] = []

    def take(names: Iterable[str]) -> Any:
        """The value of the first of these columns that has one."""
        for name in names:
            if name in columns and name not in used and (value := row[columns[name]]) is not None:
                used.add(name)
                return value
        return None

    image, path = _image(row, columns, used)
    no_target = tuple(tuple(one) for one in _no_target(take(NO_TARGET), problems))
    listed = plain(take(OBJECTS))
    objects = list(_listed(listed, problems))
    is_own = "absent" in columns and "objects" in columns
    if is_own and isinstance(listed, Mapping) and "unnamed" not in listed:  # as this project wrote it formerly
        objects = [replace(one, is_unnamed=one.category == UNNAMED) for one in objects]
    if not objects:
        objects = list(_flat(take, row, columns, used))
    source = plain(take(("source",)))
    source = (
        source
        if isinstance(source, dict)
        else {name: row[columns[name]] for name in ("split", "clip", "frame") if name in columns}
    )
    height, width = (whole(take((name,))) for name in ("height", "width"))
    known = {*used, *_KNOWN, *PATHS, *OBJECTS, *NO_TARGET}
    return RowContent(
        image,
        path,
        (height, width) if height and width and min(height, width) > 0 else None,
        tuple(objects),
        no_target,
        take(("image_id", "id")),
        source,
        take(("state",)),
        is_own,
        tuple(problems),
        tuple(original for name, original in columns.items() if name not in known and row[original] is not None),
    )


def _image(row: Mapping[str, Any], columns: Mapping[str, str], used: set[str]) -> tuple[bytes | str | None, str]:
    """Bytes or a file name, and the name that goes with bytes."""
    for name in (*IMAGES, *PATHS):
        if name not in columns:
            continue
        value = row[columns[name]]
        if isinstance(value, Mapping) and is_image(value):
            data, path = value.get("bytes"), value.get("path")
            used.add(name)
            path = path if isinstance(path, str) and path else _path(row, columns, used)
            return (data, path) if isinstance(data, bytes) and data else (path or None, "")
        if isinstance(value, bytes) and value:
            used.add(name)
            return value, _path(row, columns, used)
        if isinstance(value, str) and value.strip():
            used.add(name)
            return value, ""
    return None, ""


def _path(row: Mapping[str, Any], columns: Mapping[str, str], used: set[str]) -> str:
    """The name of the file that an embedded image was, "" for none."""
    names = [name for name in PATHS if name in columns and isinstance(row[columns[name]], str)]
    used.update(names)
    return next((row[columns[name]] for name in names), "")


def _no_target(value: Any, problems: list[str]) -> list[list[str]]:
    value = plain(value)
    if value is None:
        return []
    if not isinstance(value, list):
        problems.append("no-target entries are not a list")
        return []
    if all(isinstance(one, str) for one in value):
        return [[one] for one in value]
    entries = [texts(one) for one in value]
    if None in entries:
        problems.append("a no-target entry is not a list of texts")
    return [one for one in entries if one is not None]


def _listed(value: Any, problems: list[str]) -> Iterable[RowObject]:
    """The objects of a column of objects: a list of them, or columns with a value for each."""
    if value is None:
        return
    if isinstance(value, Mapping):
        columns = {str(name): plain(column) for name, column in value.items()}
        lists = {name: column for name, column in columns.items() if isinstance(column, list)}
        if any(column is not None and name not in lists for name, column in columns.items()):
            problems.append("objects have columns that are not lists")
        lengths = {len(column) for column in lists.values()}
        if len(lengths) > 1:
            problems.append("objects have columns of different lengths")
        count = max(lengths, default=0)
        value = [
            {name: column[position] for name, column in lists.items() if position < len(column)}
            for position in range(count)
        ]
    if not isinstance(value, list):
        problems.append("objects are neither a list nor columns")
        return
    for one in value:
        if not isinstance(one, Mapping):
            problems.append("an object is not a mapping")
            continue
        names = {str(name).casefold(): name for name in one}

        def first(
            wanted: Iterable[str], one: Mapping[str, Any] = one, names: Mapping[str, str] = names
        ) -> tuple[str, Any]:
            return next(
                ((names[name], one[names[name]]) for name in wanted if name in names and one[names[name]] is not None),
                ("", None),
            )

        category, category_value = first(
            name for name in CATEGORIES if name not in MASKS or not is_image(one.get(names.get(name, "")))
        )
        _, mask = first(name for name in MASKS if name != category.casefold())
        yield RowObject(
            plain(mask),
            plain(first(BOXES)[1]),
            category_value,
            ("objects", category),
            expressions_of(first(EXPRESSIONS)[1]),
            first((*OBJECT_IDS, "id"))[1],
            first(("category_id",))[1],
            first(("unnamed",))[1] is True,
        )


def _flat(take: Any, row: Mapping[str, Any], columns: Mapping[str, str], used: set[str]) -> Iterable[RowObject]:
    """The objects of a row that has no column of them: one, or one per mask if there is a list of run lengths or mask
    images.
    """
    labels = [name for name in MASKS if name in CATEGORIES and name in columns and not is_image(row[columns[name]])]
    mask = plain(take(name for name in MASKS if name not in labels))
    box = plain(take(BOXES))
    name = next(
        (name for name in CATEGORIES if name in columns and name not in used and row[columns[name]] is not None), ""
    )
    category = take((name,)) if name else None
    expressions = expressions_of(take(EXPRESSIONS))
    id_ = take(OBJECT_IDS)
    if mask is None and box is None and not expressions:
        return
    is_many = (
        isinstance(mask, list)
        and mask
        and all(is_image(one) or (isinstance(one, Mapping) and "counts" in one) for one in mask)
    )
    path = (columns[name],) if name else ()
    if not is_many:
        yield RowObject(mask, box, category, path, expressions, id_)
        return
    for one in mask:
        yield RowObject(one, None, category, path, expressions, None)
