"""Names of the classes in a mask: by color or number from labelmap.txt or dataset_meta.json, otherwise Pascal VOC's own
20."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from refseg.annotation.importers.mask_images import LabelImage
from refseg.annotation.importers.report import ImportReport
from refseg.annotation.importers.source import Source
from refseg.annotation.importers.texts import read_json, read_text
from refseg.annotation.importers.values import whole
from refseg.annotation.layouts import VOC_CLASSES
from refseg.errors import DataError

Color = tuple[int, int, int]


@dataclass(frozen=True)
class LabelMap:
    """names: by their numbers.  colors: names by RGB, where the file gives colors.  is_assumed: whether the names are
    VOC's own only because nothing in the data set says otherwise."""

    names: Mapping[int, str] = field(default_factory=lambda: dict(enumerate(("background", *VOC_CLASSES))))
    colors: Mapping[Color, str] = field(default_factory=dict)
    is_assumed: bool = False

    def name(self, image: LabelImage, number: int) -> str | None:
        """The name of the class that has a number in a mask; None for a class without a name."""
        color = image.colors.get(number)
        if color is not None and color in self.colors:
            return self.colors[color]
        has_meaning = image.meaning == "file" or (image.meaning == "palette" and not self.colors)
        return self.names.get(number) if has_meaning else None

    def checked(self, categories: Collection[str]) -> LabelMap:
        """The map, given the names of all objects in XML files: VOC's own classes are right if all of these are among
        them, and wrong if others are."""
        if not self.is_assumed or not categories:
            return self
        is_voc = {name.casefold() for name in categories} <= {name.casefold() for name in VOC_CLASSES}
        return replace(self, is_assumed=False) if is_voc else LabelMap({}, {})


def read_label_map(source: Source, folder: str, report: ImportReport) -> LabelMap:
    """labelmap.txt, with lines NAME:RED,GREEN,BLUE:PARTS:ACTIONS, or dataset_meta.json, in a folder or above it."""
    for file in source.matching("labelmap.txt"):
        if _is_above(file, folder):
            return _parse_lines(read_text(source, file, report).splitlines())
    for file in source.matching("dataset_meta.json"):
        if _is_above(file, folder):
            try:
                found = _parse_meta(read_json(source, file, report))
            except DataError:
                continue
            if found is not None:
                return found
    return LabelMap(is_assumed=True)


def _is_above(file: str, folder: str) -> bool:
    parent = PurePosixPath(file).parent
    return parent in (PurePosixPath(folder), *PurePosixPath(folder).parents)


def _parse_lines(lines: list[str]) -> LabelMap:
    names: dict[int, str] = {}
    colors: dict[Color, str] = {}
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.strip().rsplit(":", 3)
        name = parts[0].strip()
        names[len(names)] = name
        color = _color(parts[1].split(",")) if len(parts) > 1 else None
        if color is not None:
            colors.setdefault(color, name)
    return LabelMap(names, colors)


def _parse_meta(values: Any) -> LabelMap | None:
    """datumaro's {"labels": [...]} or {"label_map": {"0": ...}, "segmentation_colors": [[0, 0, 0], ...]}."""
    if not isinstance(values, dict):
        return None
    labels = values.get("labels", values.get("label_map"))
    pairs = (
        list(enumerate(labels))
        if isinstance(labels, list)
        else list(labels.items())
        if isinstance(labels, dict)
        else []
    )
    names = {number: name for key, name in pairs if (number := whole(key)) is not None and isinstance(name, str)}
    if not names:
        return None
    rows = values.get("segmentation_colors")
    found = (
        {color: names[n] for n, row in enumerate(rows) if (color := _color(row)) and n in names}
        if isinstance(rows, list)
        else {}
    )
    return LabelMap(names, found)


def _color(values: Any) -> Color | None:
    numbers = [whole(value) for value in values] if isinstance(values, list) else []
    known = [value for value in numbers if value is not None and 0 <= value <= 255]
    return (known[0], known[1], known[2]) if len(known) == 3 == len(numbers) else None
