"""YOLO: images, and a text file for each with a line for each object: a class number, then a box or the corners of a
polygon, from 0 to 1.

    images/SPLIT/NAME.jpg  labels/SPLIT/NAME.txt  data.yaml       Ultralytics, CVAT, Roboflow, supervision
    images/NAME.jpg  labels/NAME.txt  classes.txt  notes.json     Label Studio
    obj_train_data/NAME.jpg, NAME.txt  obj.data  obj.names  train.txt     Darknet, CVAT 1.1, datumaro
    NAME.jpg  NAME.txt  classes.txt                               LabelImg

Our own exports add expressions.json, as labels hold no expressions: a list of {"image": PATH, "objects": [[TEXT, ...],
...], "absent": [[TEXT, ...], ...]}, objects in the order of the lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from refseg.annotation.importers.image_keys import image_keys
from refseg.annotation.importers.objects import ImportedObject
from refseg.annotation.importers.reasons import reason_of
from refseg.annotation.importers.session import ImportSession
from refseg.annotation.importers.source import Source
from refseg.annotation.importers.texts import read_json, read_text
from refseg.annotation.importers.values import texts
from refseg.annotation.importers.yolo.classes import ClassNames, read_class_names
from refseg.annotation.importers.yolo.images import (
    LabeledImage,
    find_images,
    has_label_lines,
    label_files,
    names_splits,
)
from refseg.annotation.importers.yolo.lines import KeypointShape, parse_line, pose_shape
from refseg.annotation.layouts import UNNAMED_KEY, YOLO_EXPRESSIONS
from refseg.annotation.progress import with_progress
from refseg.errors import DataError

_PROBED_LABELS = 200  # many images of a data set can be without objects: their files are empty


def detect(source: Source) -> bool:
    """Whether there are images, and a data.yaml or label files of which one of the first has a line of numbers."""
    if not source.images():
        return False
    if any(source.matching(name) for name in ("obj.data", "obj.names")) or names_splits(source):
        return True
    return any(has_label_lines(source, file) for file in label_files(source)[:_PROBED_LABELS])


def read(source: Source, session: ImportSession) -> None:
    """All images of the splits and all others that have labels. Raises DataError if there are no images, or neither
    labels nor a list of classes."""
    names = read_class_names(source, session.report)
    images = find_images(source, session.report)
    if not images or (not names.file and not any(image.labels for image in images)):
        raise DataError(
            "the data set is not YOLO: expected images and text files of labels with their names, or data.yaml. Choose"
            " another format"
        )
    lines = {image.labels: _lines(source, image.labels, session) for image in images if image.labels}
    shape = names.keypoints or pose_shape([words for found in lines.values() for _, words in found])
    if shape is not None:
        session.report.alter("data set", "of pose labels, from which the boxes are imported", names.file)
    extras = _extras(source, session)
    for image in with_progress(images, session.progress):
        _add(image, source, session, lines.get(image.labels, []), names, shape, extras.get(image.file, {}))


def _lines(source: Source, file: str, session: ImportSession) -> list[tuple[str, list[str]]]:
    """Place and words of the lines of a label file that are not blank."""
    try:
        text = read_text(source, file, session.report)
    except DataError as error:
        session.report.skip("label file", reason_of(error, file), file)
        return []
    lines = [(f"{file}: line {number}", line.split()) for number, line in enumerate(text.splitlines(), start=1)]
    return [(where, words) for where, words in lines if words]


def _add(
    image: LabeledImage,
    source: Source,
    session: ImportSession,
    lines: list[tuple[str, list[str]]],
    names: ClassNames,
    shape: KeypointShape | None,
    extras: Mapping[str, Any],
) -> None:
    """Add an image with its objects. extras: its row of expressions.json."""
    report = session.report
    expressions = extras.get("objects", [])
    if expressions and len(expressions) != len(lines):
        report.skip(
            "expression list", "for another number of objects than its label file has", image.file, len(expressions)
        )
        expressions = []
    unnamed = extras.get(UNNAMED_KEY)

    def objects(height: int, width: int) -> Iterator[ImportedObject]:
        for position, (where, words) in enumerate(lines):
            try:
                line = parse_line(words, shape)
            except DataError as error:
                yield ImportedObject(where, problem=str(error))
                continue
            for note in line.notes:
                report.alter("object", note, where)
            corners = line.points * (width, height)
            yield ImportedObject(
                where,
                polygons=() if line.is_box else [corners.ravel().tolist()],
                box=(*corners[0], *corners[2]) if line.is_box else None,
                expressions=_expressions(expressions[position] if expressions else None, session, where),
                category=(
                    ""
                    if isinstance(unnamed, list) and position in unnamed
                    else names.name(line.category, report, where)
                ),
                category_id=line.category,
            )
        for number, one in enumerate(extras.get("absent", [])):
            where = f"{YOLO_EXPRESSIONS}: {image.file}, absent[{number}]"
            yield ImportedObject(where, expressions=_expressions(one, session, where), no_target=True)

    keys = image_keys({**extras, "split": extras.get("split") or image.split})
    session.add_image(source.path(image.file), objects, where=image.file, original_name=image.file, **keys)


def _expressions(value: Any, session: ImportSession, where: str) -> list[str]:
    found = texts(value)
    if found is None:
        session.report.skip("expression list", "that is not a list of texts", where)
    return found or []


def _extras(source: Source, session: ImportSession) -> dict[str, Mapping[str, Any]]:
    """The rows of our expressions.json by the files of their images."""
    found: dict[str, Mapping[str, Any]] = {}
    for file in source.matching(YOLO_EXPRESSIONS):
        try:
            rows = read_json(source, file, session.report)
        except DataError as error:
            session.report.skip("file", reason_of(error, file), file)
            continue
        if not isinstance(rows, list):
            session.report.skip("file", "that is not a list of images", file)
            continue
        for position, row in enumerate(rows):
            image = source.find(row["image"]) if isinstance(row, dict) and isinstance(row.get("image"), str) else None
            if (
                image is None
                or not isinstance(row.get("objects", []), list)
                or not isinstance(row.get("absent", []), list)
            ):
                session.report.skip(
                    "expression list", "that does not name an image with lists for its objects", f"{file}[{position}]"
                )
            else:
                found[image] = row
    return found
