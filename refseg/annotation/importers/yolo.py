"""YOLO segmentation as Ultralytics reads it: pictures, a text file of polygons for each, and a list of classes.

    images/NAME, images/SPLIT/NAME    the pictures, in folders where the project has splits
    labels/NAME.txt, labels/SPLIT/..  a line for each mask: CLASS X1 Y1 X2 Y2 ..., from 0 to 1 of the picture's width and height
    data.yaml                         the folders of the splits and the names of the classes
    expressions.json                  of this project, as the labels hold no sentences: a list of {"image": PATH, "objects": [[TEXT, ...], ...],
                                      "absent": [[TEXT, ...], ...]}, objects in the order of the lines

A line is one ring. Holes and several pieces survive as cuts without area join them, there and back: filled by the rule that a pixel is inside where its
centre is, the ring is the mask to the pixel. OpenCV, which sets what the line touches too, sees a piece with its holes to the pixel, as the ring lies a
little inside the mask, and between pieces a line of one pixel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from refseg.annotation.importers.reading import inside, new_layer, read_text, take, texts
from refseg.annotation.layouts import UNNAMED, YOLO_EXPRESSIONS, YOLO_LIST, YOLO_OTHER_KEYS
from refseg.annotation.progress import Progress, followed, silent
from refseg.annotation.records import Layer
from refseg.annotation.store import Project
from refseg.data.json_entries import read_json
from refseg.data.masks import BoolMask, polygons_to_mask
from refseg.errors import DataError

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".jp2")


MAX_DEPTH = 20  # of data.yaml, which needs two


@dataclass(frozen=True)
class _Labelled:
    """A picture that is read: its file and that of its labels, relative to the data set."""

    image: str
    labels: str
    split: str


def import_yolo(root: Path, project: Project, progress: Progress = silent) -> int:
    """A data.yaml, and the pictures and labels of its splits; returns the number of masks. Lines of four numbers are boxes: centre, width, height.

    Raises DataError, ImageError or ProjectError.
    """
    values = _read_list(root)
    classes = _classes(values.get("names"), root / YOLO_LIST)
    known = _sentences(root)
    pictures = list(_pictures(root, values))
    if not pictures:
        raise DataError(
            f"{root / YOLO_LIST} names no pictures inside {root}: expected train, val or test, each a folder or a list of pictures"
        )
    return sum(_take(root, project, picture, classes, known.get(picture.image)) for picture in followed(pictures, progress))


def _take(root: Path, project: Project, picture: _Labelled, classes: Mapping[int, str], known: Mapping[str, Any] | None) -> int:
    path = inside(root, picture.image, root / YOLO_LIST)
    labels = inside(root, picture.labels, path) if (root / picture.labels).is_file() else None
    lines = [] if labels is None else [line.split() for line in read_text(labels).splitlines() if line.strip()]
    objects = [texts(one, f"{root / YOLO_EXPRESSIONS}, {picture.image}") for one in (known or {}).get("objects", [[]] * len(lines))]
    if len(objects) != len(lines):
        raise DataError(
            f"{root / YOLO_EXPRESSIONS} says something of {len(objects)} objects of {picture.image}, whose labels have {len(lines)}: mend it, or remove it"
        )

    def layers(height: int, width: int) -> Iterator[Layer]:
        for number, (line, sentences) in enumerate(zip(lines, objects, strict=True), start=1):
            where = f"line {number} of {root / picture.labels}"
            if not line[0].isdecimal() or (category := classes.get(int(line[0][:9]))) is None:
                raise DataError(f"{where} is of the class {line[0][:20]!r}, expected the number of one of the names in {YOLO_LIST}")
            yield new_layer(str(number), _mask(line[1:], height, width, where), sentences, "" if category == UNNAMED else category)
        for number, one in enumerate((known or {}).get("absent", []), start=1):
            yield new_layer(f"absent-{number}", None, texts(one, f"{root / YOLO_EXPRESSIONS}, {picture.image}"), absent=True)

    return take(project, path, layers, split=picture.split)


def _mask(words: list[str], height: int, width: int, where: str) -> BoolMask:
    try:
        places = np.array([float(word) for word in words])
    except ValueError as error:
        raise DataError(f"{where} holds {str(error)[-40:]}, expected numbers") from error
    if len(places) == 4:  # a box
        x, y, w, h = places
        places = np.array([x - w / 2, y - h / 2, x + w / 2, y - h / 2, x + w / 2, y + h / 2, x - w / 2, y + h / 2])
    if len(places) % 2 or len(places) < 6 or not np.isfinite(places).all():
        raise DataError(f"{where} has {len(places)} numbers, expected a class, and x and y of three corners or more, or a box")
    return polygons_to_mask([(places.reshape(-1, 2) * (width, height)).ravel().tolist()], height, width)


def _read_list(root: Path) -> Mapping[str, Any]:
    files = [root / YOLO_LIST] if (root / YOLO_LIST).is_file() else sorted([*root.glob("*.yaml"), *root.glob("*.yml")])
    if len(files) != 1:
        raise DataError(f"{root} has {len(files)} files .yaml, expected {YOLO_LIST}")
    text = read_text(files[0])
    try:
        _check_plain(text, files[0])
        values = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(f"{files[0]} is not valid YAML ({' '.join(str(error).split())[:120]})") from error
    if not isinstance(values, dict):
        raise DataError(f"{files[0]} is not what was expected: names of classes and folders of splits")
    return {str(key): value for key, value in values.items()}


def _check_plain(text: str, file: Path) -> None:
    """Raises DataError for aliases, a few lines of which stand for more text than any machine has room for, and for what is nested deeply."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise DataError(f"{file} refers to its own parts (*NAME), expected them written out: write out what they stand for")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise DataError(f"{file} is not valid YAML of a data set: it is nested more than {MAX_DEPTH} deep")


def _classes(names: Any, file: Path) -> dict[int, str]:
    """Names by number, from a list or a mapping."""
    pairs = dict(enumerate(names)) if isinstance(names, list) else names
    if not isinstance(pairs, dict) or not all(isinstance(n, int) and isinstance(name, str | int | float) for n, name in pairs.items()):
        raise DataError(f"{file} has names {str(names)[:80]!r}, expected a list of the classes' names, or their numbers and names")
    return {number: str(name) for number, name in pairs.items()}


def _sentences(root: Path) -> dict[str, Mapping[str, Any]]:
    """What is said of each picture, by its path; nothing where the file is missing."""
    if not (root / YOLO_EXPRESSIONS).is_file():
        return {}
    rows = read_json(root / YOLO_EXPRESSIONS)
    if not isinstance(rows, list) or not all(
        isinstance(row, dict)
        and isinstance(row.get("image"), str)
        and isinstance(row.get("objects"), list)
        and isinstance(row.get("absent", []), list)
        for row in rows
    ):
        raise DataError(f"{root / YOLO_EXPRESSIONS} is not what was expected: a list of pictures, each with its image, objects and absent")
    return {row["image"]: row for row in rows}


def _pictures(root: Path, values: Mapping[str, Any]) -> Iterator[_Labelled]:
    """The pictures of all splits, each once. A place that is of several, as where there are no splits, is of the one that is called like it."""
    splits: dict[Path, list[str]] = {}
    for key, value in values.items():
        for name in value if isinstance(value, list) else [value]:
            place = _found(root, values.get("path"), name) if isinstance(name, str) and key not in YOLO_OTHER_KEYS else None
            if place is not None:
                splits.setdefault(place, []).append(key)
    seen: set[Path] = set()
    for place, keys in splits.items():
        split = place.stem if place.stem in keys else keys[0] if len(keys) == 1 else ""
        files = sorted(place.rglob("*")) if place.is_dir() else _listed(root, values.get("path"), place)
        for path in files:
            if path.suffix.lower() in ENDINGS and path.is_file() and path not in seen:
                seen.add(path)
                image = path.relative_to(root)
                parts = list(image.parts)
                if "images" in parts[:-1]:
                    parts[len(parts) - 2 - parts[-2::-1].index("images")] = "labels"
                yield _Labelled(image.as_posix(), Path(*parts).with_suffix(".txt").as_posix(), split)


def _listed(root: Path, base: Any, file: Path) -> list[Path]:
    """The pictures that a text file names, one a line."""
    lines = [line.strip() for line in read_text(file).splitlines() if line.strip()]
    found = [_found(root, base, line) for line in lines]
    for line, path in zip(lines, found, strict=True):
        if path is None:
            raise DataError(f"{file} names {line[:200]!r}, which is not in {root}: put it there")
    return [path for path in found if path is not None]


def _found(root: Path, base: Any, name: str) -> Path | None:
    """A folder or a file inside the data set. What data.yaml says of where the data set itself is, such as ../ or /home, is of another machine."""
    bases = [part for part in str(base or "").replace("\\", "/").split("/") if part not in ("", ".", "..")]
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    for path in (root.joinpath(*parts), root.joinpath(*bases, *parts)):
        try:
            if parts and path.exists() and path.resolve().is_relative_to(root.resolve()):
                return path
        except (OSError, ValueError):  # too long, or with characters that no name has
            continue
    return None
