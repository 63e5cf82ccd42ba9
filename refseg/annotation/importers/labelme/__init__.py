"""LabelMe and X-AnyLabeling: a JSON beside each image.

A shape is an object: its label is the category, its description holds the expressions, one a line. Shapes of one label
and one group are one object. Masks ("mask", since LabelMe 5.3), polygons, rectangles, rotated rectangles and circles
have pixels; points, lines and shapes of other types are counted as skipped. Our own exports add `split`, and `absent`,
a list of lists of expressions, which LabelMe keeps as they are.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from refseg.annotation.importers.image_keys import image_keys, stated_size
from refseg.annotation.importers.labelme.embedded import find_image
from refseg.annotation.importers.labelme.objects import read_objects
from refseg.annotation.importers.objects import ImportedObject
from refseg.annotation.importers.reasons import reason_of
from refseg.annotation.importers.session import ImportSession
from refseg.annotation.importers.source import Source
from refseg.annotation.importers.texts import head, read_json
from refseg.annotation.progress import with_progress
from refseg.errors import DataError

_PROBED_FILES, _PROBED_BYTES = 20, 4_000_000
_DROPPED_KEYS = ("flags", "description", "tags")  # of the whole image; counted where they say something


def detect(source: Source) -> bool:
    """Whether one of the first JSON files has LabelMe's keys."""
    for file in source.matching("*.json")[:_PROBED_FILES]:
        start = head(source, file, _PROBED_BYTES)
        if '"shapes"' in start and any(key in start for key in ('"imagePath"', '"imageData"', '"shape_type"')):
            return True
    return False


def read(source: Source, session: ImportSession) -> None:
    """All JSON files of LabelMe with their images, and the images that no JSON names. Raises DataError if there is no
    such file."""
    annotations = dict(_annotations(source, session))
    if not annotations:
        raise DataError("the data set has no JSON file of LabelMe, expected one for each image: choose another format")
    named: set[str] = set()
    with tempfile.TemporaryDirectory(prefix="refseg-", ignore_cleanup_errors=True) as folder:
        for file, values in with_progress(annotations.items(), session.progress):
            _add(file, values, source, session, named, Path(folder))
    for file in source.images():
        if file not in named:
            session.add_image(source.path(file), lambda height, width: (), where=file, original_name=file)


def _annotations(source: Source, session: ImportSession) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The JSON files of LabelMe, by name and content; others are counted."""
    for file in sorted(source.matching("*.json"), key=_folder_and_stem):
        try:
            values = read_json(source, file, session.report)
        except DataError as error:
            session.report.skip("file", reason_of(error, file), file)
            continue
        if not isinstance(values, dict) or "shapes" not in values:
            session.report.skip("file", "that is not a JSON of LabelMe", file)
        else:
            yield file, values


def _add(
    file: str, values: Mapping[str, Any], source: Source, session: ImportSession, named: set[str], folder: Path
) -> None:
    """Add the image of a JSON with its objects. named: image files that were found, to which this one's is added.
    folder: for embedded images."""
    stated = stated_size(values.get("imageHeight"), values.get("imageWidth"))
    image = find_image(source, file, values, stated, folder)
    if image.file is not None:
        named.add(image.file)
    if image.path is None:
        session.report.skip("image", image.problem, file)
        return
    if image.problem:
        session.report.alter("image", image.problem, file)
    for key in _DROPPED_KEYS:
        if _says_something(values.get(key)):
            session.report.alter("image", f"without its {key}", file)
    shapes = values["shapes"]

    def objects(height: int, width: int) -> Iterator[ImportedObject]:
        if isinstance(shapes, list):
            yield from read_objects(shapes, height, width, session.report, file)
        else:
            yield ImportedObject(file, problem="in shapes that are not a list")
        for number, expressions in enumerate(_no_target(values, session, file), start=1):
            yield ImportedObject(f"{file}: absent[{number - 1}]", expressions=expressions, no_target=True)

    session.add_image(image.path, objects, where=file, original_name=image.name, annotated=stated, **image_keys(values))


def _no_target(values: Mapping[str, Any], session: ImportSession, file: str) -> Iterator[list[str]]:
    """Lists of expressions that name nothing in the image."""
    entries = values.get("absent") or []
    for entry in entries if isinstance(entries, list) else [entries]:
        if isinstance(entry, list) and all(isinstance(text, str) for text in entry):
            yield [text for text in entry if text.strip()]
        else:
            session.report.skip("no-target entry", "that is not a list of texts", file)


def _folder_and_stem(file: str) -> tuple[PurePosixPath, str]:
    path = PurePosixPath(file)
    return path.parent, path.stem


def _says_something(value: Any) -> bool:
    """Whether a value is more than a default: a flag that is set, a text that is not blank, a list that is not
    empty."""
    if isinstance(value, Mapping):
        return any(_says_something(one) for one in value.values())
    return bool(value.strip() if isinstance(value, str) else value)
