"""What a YOLO data set says of itself: names of classes, keypoints, places of the splits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import yaml

from refseg.annotation.importers.reasons import reason_of
from refseg.annotation.importers.report import ImportReport
from refseg.annotation.importers.source import Source
from refseg.annotation.importers.texts import read_json, read_text
from refseg.annotation.importers.values import text, whole
from refseg.annotation.importers.yolo.lines import KeypointShape
from refseg.annotation.layouts import YOLO_LIST
from refseg.errors import DataError

MAX_DEPTH = 20  # of data.yaml, which needs three
_NAME_FILES = ("obj.names", "classes.txt", "_darknet.labels", "*.names", "predefined_classes.txt", "labels.txt")


@dataclass(frozen=True)
class ClassNames:
    """names: of the classes by their numbers.  keypoints: of pose labels, None for others.  file: that says so, "" for
    none."""

    names: Mapping[int, str] = field(default_factory=dict)
    keypoints: KeypointShape | None = None
    file: str = ""

    def name(self, number: int, report: ImportReport, where: str) -> str:
        """The name of a class; its number if it has no name, which is counted."""
        if number in self.names:
            return self.names[number]
        report.alter("object", "of a class without a name, named by its number", where)
        return str(number)


def read_class_names(source: Source, report: ImportReport) -> ClassNames:
    """From data.yaml or another YAML file with names, otherwise from a text file with a name a line, otherwise from
    Label Studio's notes.json."""
    for file in yaml_files(source):
        values = read_yaml(source, file, report)
        if values is not None and "names" in values:
            return ClassNames(_names(values["names"], report, file), _keypoints(values.get("kpt_shape")), file)
    for pattern in _NAME_FILES:
        for file in sorted(source.matching(pattern), key=_depth):
            lines = [line.strip() for line in read_text(source, file, report).splitlines()]
            while lines and not lines[-1]:
                lines.pop()
            return ClassNames(dict(enumerate(lines)), file=file)
    for file in source.matching("notes.json"):
        found = _names_of_notes(source, file, report)
        if found:
            return ClassNames(found, file=file)
    return ClassNames()


def yaml_files(source: Source) -> list[str]:
    """YAML files, data.yaml first, those in fewer folders before others."""
    files = [*source.matching("*.yaml"), *source.matching("*.yml")]
    return sorted(files, key=lambda file: (PurePosixPath(file).name.casefold() != YOLO_LIST, *_depth(file)))


def read_yaml(source: Source, file: str, report: ImportReport) -> Mapping[str, Any] | None:
    """A YAML mapping in which every scalar is text, as written: the class "no" is not a truth value. None, counted, for
    anything else."""
    try:
        content = read_text(source, file, report)
        _check_plain(content)
        values = yaml.load(content, Loader=yaml.BaseLoader)  # noqa: S506 - builds text, lists and mappings only
    except (yaml.YAMLError, ValueError, RecursionError):
        report.skip("file", "that is not valid YAML", file)
        return None
    except DataError as error:
        report.skip("file", reason_of(error, file), file)
        return None
    if not isinstance(values, dict):
        report.skip("file", "that is not a YAML mapping", file)
        return None
    return {str(key): value for key, value in values.items()}


def _check_plain(content: str) -> None:
    """Raises DataError for aliases, a few lines of which stand for more text than any machine has room for, and for
    what is nested deeply."""
    depth = 0
    for event in yaml.parse(content, Loader=yaml.BaseLoader):
        if isinstance(event, yaml.AliasEvent):
            raise DataError("that refers to its own parts (*NAME)")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise DataError(f"that is nested more than {MAX_DEPTH} deep")


def _names(values: Any, report: ImportReport, file: str) -> dict[int, str]:
    """Names by number, from a list, a mapping with numbers as keys, or text that is one of these."""
    if isinstance(values, str):
        parts = [part.strip().strip("'\"") for part in values.strip("[](){} ").split(",")]
        pairs: list[tuple[Any, Any]] = list(enumerate(part for part in parts if part))
    elif isinstance(values, dict):
        pairs = list(values.items())
    else:
        pairs = list(enumerate(values)) if isinstance(values, list) else []
    found: dict[int, str] = {}
    for key, value in pairs:
        number, name = (
            whole(key),
            value if isinstance(value, str) else value.get("name") if isinstance(value, dict) else None,
        )
        if number is None or not text(name):
            report.skip("class name", "that is not a number with a name", file)
        else:
            found[number] = str(name)
    return found


def _names_of_notes(source: Source, file: str, report: ImportReport) -> dict[int, str]:
    """{"categories": [{"id": 0, "name": "cat"}, ...]}."""
    try:
        values = read_json(source, file, report)
    except DataError:
        return {}
    categories = values.get("categories") if isinstance(values, dict) else None
    found: dict[int, str] = {}
    for one in categories if isinstance(categories, list) else []:
        number = whole(one.get("id")) if isinstance(one, dict) else None
        if number is not None and text(one.get("name")):
            found[number] = text(one.get("name"))
    return found


def _keypoints(value: Any) -> KeypointShape | None:
    """kpt_shape: [17, 3]."""
    parts = re.findall(r"\d+", value) if isinstance(value, str) else value
    numbers = [whole(part) for part in parts] if isinstance(parts, list) else []
    if len(numbers) == 2 and numbers[0] is not None and numbers[1] in (2, 3):
        return KeypointShape(numbers[0], numbers[1])
    return None if value is None else KeypointShape(0, 3)


def _depth(file: str) -> tuple[int, str]:
    return file.count("/"), file
