"""COCO instances, as the official site and other tools write them; see `coco_files` for where their files are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from refseg.annotation.importers.coco_files import (
    image_folders,
    image_list_files,
    instance_files,
    names_of,
    read_instance_files,
    split_of,
)
from refseg.annotation.importers.objects import ImportedObject
from refseg.annotation.importers.report import ImportReport
from refseg.annotation.importers.session import ImportSession
from refseg.annotation.importers.source import Source
from refseg.annotation.importers.values import id_key, numbers, text, texts, whole
from refseg.annotation.layouts import UNNAMED_KEY
from refseg.annotation.progress import with_progress
from refseg.annotation.records import Id
from refseg.data.masks import BoolMask, decode_rle
from refseg.errors import DataError


def detect(source: Source) -> bool:
    """Whether a JSON file has lists of images and annotations."""
    return bool(instance_files(source))


def read(source: Source, session: ImportSession) -> None:
    """All images of all instance files, each file being a split of its own. Raises DataError if there is none."""
    for instances in read_instances(source, session.report):
        add_images(source, session, instances)
    for file in image_list_files(source):
        session.report.skip("file", "with images, but without annotations", file)


@dataclass
class Expressions:
    """What refs say about the images and annotations of an instance file, by their ids as `id_key` gives them."""

    of_object: dict[Id, list[str]] = field(default_factory=dict)
    no_target: dict[Id, list[list[str]]] = field(default_factory=dict)
    splits: dict[Id, str] = field(default_factory=dict)


@dataclass
class Instances:
    """An instance file: its entries that are objects, grouped and with ids that can be compared.

    images: id -> entries of that id.  annotations: image id -> entries, each with its number in the file.
    """

    file: str
    split: str
    images: dict[Id, list[dict[str, Any]]]
    annotations: dict[Id, list[tuple[int, dict[str, Any]]]]
    categories: dict[Id, str]

    @classmethod
    def of(cls, file: str, values: dict[str, Any], report: ImportReport) -> Instances:
        """Entries that cannot belong to an image are skipped and counted."""
        images: dict[Id, list[dict[str, Any]]] = {}
        for number, entry in _entries(values.get("images"), "image", file, report):
            key = id_key(entry.get("id"))
            if key is None:
                report.skip("image", "without an id", f"{file}: images[{number}]")
            else:
                images.setdefault(key, []).append(entry)
        annotations: dict[Id, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
        seen: set[Id] = set()
        for number, entry in _entries(values.get("annotations"), "object", file, report):
            image, key = id_key(entry.get("image_id")), id_key(entry.get("id"))
            if image is None or image not in images:
                report.skip("object", "of an image that is not listed", f"{file}: annotations[{number}]")
                continue
            if key is not None and key in seen:
                report.alter("object", "with the id of another one", f"{file}: annotations[{number}]")
            seen.update(() if key is None else (key,))
            annotations[image].append((number, entry))
        return cls(file, split_of(file), images, dict(annotations), _categories(file, values.get("categories"), report))

    def where_image(self, entry: dict[str, Any]) -> str:
        """For the report."""
        name = (names_of(entry) or ["without a name"])[0]
        return f"{self.file}: image {str(entry.get('id'))[:40]} ({name[-100:]})"

    def object_of(
        self, number: int, entry: dict[str, Any], expressions: Expressions, report: ImportReport
    ) -> ImportedObject:
        """An annotation as an object; number: its position in the file."""
        where = f"{self.file}: annotations[{number}]"
        own = texts(entry.get("expressions"))
        if own is None:
            report.skip("expression", "that is no text", where)
        key = id_key(entry.get("id"))
        said = expressions.of_object.get(key, ()) if key is not None else ()
        mask, polygons = _shape(entry.get("segmentation"))
        return ImportedObject(
            where,
            mask=mask,
            polygons=polygons,
            box=_box(entry.get("bbox")),
            expressions=[
                *(own or ()),
                *(one for one in said if one not in (own or ())),
            ],  # our exports have them in both files
            category=self._category(entry, where, report),
            original_id=entry.get("id"),
            category_id=entry.get("category_id"),
        )

    def _category(self, entry: dict[str, Any], where: str, report: ImportReport) -> str:
        if entry.get(UNNAMED_KEY) is True:
            return ""
        key = id_key(entry.get("category_id"))
        if key in self.categories:
            return self.categories[key]
        named = text(entry.get("category_name"))
        if key is not None and not named:
            report.alter("object", "without its category, which is not listed", where)
        return named


def read_instances(source: Source, report: ImportReport, files: list[str] | None = None) -> list[Instances]:
    """The instance files of a data set, or those that are named. Raises DataError if none of them holds instances."""
    found = read_instance_files(source, instance_files(source) if files is None else files, report)
    if not found:
        raise DataError(
            "no JSON file has a list of images and a list of annotations with segmentations or boxes, as COCO instances"
            " have"
        )
    return [Instances.of(file, values, report) for file, values in found.items()]


def add_images(
    source: Source, session: ImportSession, instances: Instances, expressions: Expressions | None = None
) -> None:
    """Add the images of an instance file with their objects and what refs say about them."""
    expressions = expressions or Expressions()
    folders = image_folders(instances.file, instances.split)
    by_file: dict[str, list[Id]] = {}
    for key, entries in instances.images.items():
        found = next(
            (file for entry in entries for name in names_of(entry) if (file := source.find(name, *folders))), None
        )
        if found is None:
            session.report.skip("image", "without a file", instances.where_image(entries[0]))
            _skip_objects(session.report, instances, [key], "of an image without a file")
            continue
        if len(entries) > 1:
            session.report.alter(
                "image", "listed twice, used once", instances.where_image(entries[0]), len(entries) - 1
            )
        by_file.setdefault(found, []).append(key)
    for file, keys in with_progress(list(by_file.items()), session.progress):
        if len(keys) > 1:
            session.report.alter(
                "image", "listed twice, its objects are joined", f"{instances.file}: {file}", len(keys) - 1
            )
        _add_image(source, session, instances, expressions, file, keys)


def _add_image(
    source: Source, session: ImportSession, instances: Instances, expressions: Expressions, file: str, keys: list[Id]
) -> None:
    entry = instances.images[keys[0]][0]
    where = instances.where_image(entry)
    if file in session.files:
        session.report.skip("image", "listed in another file already", where)
        _skip_objects(session.report, instances, keys, "of an image that is listed in another file already")
        return
    session.files.add(file)

    def objects(height: int, width: int) -> Iterator[ImportedObject]:
        for key in keys:
            for number, annotation in instances.annotations.get(key, ()):
                yield instances.object_of(number, annotation, expressions, session.report)
            for said in (
                *_no_target(instances.images[key][0], session.report, where),
                *expressions.no_target.get(key, ()),
            ):
                yield ImportedObject(where, expressions=said, no_target=True)

    height, width = whole(entry.get("height")), whole(entry.get("width"))
    frame = whole(entry.get("frame"))
    split = next((expressions.splits[key] for key in keys if key in expressions.splits), instances.split)
    added = session.add_image(
        source.path(file),
        objects,
        where=where,
        original_name=file,
        original_id=entry.get("id"),
        annotated=(height, width) if height and width and min(height, width) > 0 else None,
        split=entry["split"] if isinstance(entry.get("split"), str) else split,
        clip=text(entry.get("clip")),
        frame=frame if frame is not None and frame >= 0 else None,
        state=entry.get("state"),
    )
    if not added:
        _skip_objects(session.report, instances, keys, "of an image that was skipped")


def _skip_objects(report: ImportReport, instances: Instances, keys: list[Id], reason: str) -> None:
    if number := sum(len(instances.annotations.get(key, ())) for key in keys):
        report.skip("object", reason, instances.where_image(instances.images[keys[0]][0]), number)


def _entries(values: Any, noun: str, file: str, report: ImportReport) -> Iterator[tuple[int, dict[str, Any]]]:
    """The JSON objects of a list with their positions; others are skipped and counted."""
    for number, entry in enumerate(values if isinstance(values, list) else ()):
        if isinstance(entry, dict):
            yield number, entry
        else:
            report.skip(noun, "that is no JSON object", f"{file}: {noun} {number}")


def _categories(file: str, values: Any, report: ImportReport) -> dict[Id, str]:
    """Names by id. Of several names for one id the first is used."""
    names: dict[Id, str] = {}
    for number, entry in _entries(values, "category", file, report):
        where = f"{file}: categories[{number}]"
        key, name = id_key(entry.get("id")), text(entry.get("name"))
        if key is None or not name:
            report.skip("category", "without an id or a name", where)
        elif key not in names:
            names[key] = name
        elif names[key] == name:
            report.alter("category", "listed twice, used once", where)
        else:
            report.skip(
                "category", "with the id of another one", f"{where}: {name[:40]}, its objects are {names[key][:40]}"
            )
    return names


def _shape(segmentation: Any) -> tuple[Any, Any]:
    """(mask, polygons) of an annotation; neither if it has only a box."""
    if isinstance(segmentation, dict):
        return (lambda: decode(segmentation)), ()
    if isinstance(segmentation, list | tuple) and segmentation:
        if all(isinstance(one, dict) for one in segmentation):
            return (lambda: _union([decode(one) for one in segmentation])), ()
        if any(not isinstance(one, list | tuple) or one for one in segmentation):
            return None, segmentation
    return None, ()


def decode(rle: dict[str, Any]) -> BoolMask:
    """A mask (H, W) of run lengths as a string, bytes or a list, numbers also as floats or text. Raises DataError."""
    size, counts = numbers(rle.get("size")), rle.get("counts")
    if size is None or len(size) != 2:
        raise DataError("run lengths without a size [height, width]")
    if isinstance(counts, list | tuple):
        found = numbers(counts)
        if found is None or not all(one.is_integer() for one in found):
            raise DataError("run lengths that are not whole numbers")
        counts = [int(one) for one in found]
    return decode_rle({"size": [int(side) for side in size], "counts": counts})


def _union(masks: list[BoolMask]) -> BoolMask:
    """Raises DataError for masks of several sizes."""
    if len({mask.shape for mask in masks}) > 1:
        raise DataError("run lengths of several sizes")
    return np.asarray(np.any(np.stack(masks), axis=0), dtype=bool)


def _box(value: Any) -> list[float] | None:
    """x, y, width, height -> x0, y0, x1, y1."""
    sides = numbers(value)
    if sides is None or len(sides) != 4 or min(sides[2:]) <= 0:
        return None
    return [sides[0], sides[1], sides[0] + sides[2], sides[1] + sides[3]]


def _no_target(entry: dict[str, Any], report: ImportReport, where: str) -> list[list[str]]:
    """Expressions that an image's own entry has about objects that are not in it."""
    values = entry.get("no_target")
    known = [texts(one) for one in values] if isinstance(values, list) else []
    if any(one is None for one in known) or not isinstance(values, list | None):
        report.skip("no-target entry", "that is no list of texts", where)
    return [one for one in known if one]
