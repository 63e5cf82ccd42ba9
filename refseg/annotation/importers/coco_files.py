"""Where the files of a COCO data set are: every tool has its own folders and names.

COCO, datumaro, CVAT   annotations/instances_SPLIT.json, SPLIT/ or images/SPLIT/ or images/
Roboflow               SPLIT/_annotations.coco.json, SPLIT/
Label Studio           result.json, images/
FiftyOne               labels.json, data/
supervision            any JSON and any folder
"""

from __future__ import annotations

import mmap
import re
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from refseg.annotation.importers.reasons import reason_of
from refseg.annotation.importers.report import ImportReport
from refseg.annotation.importers.source import Source
from refseg.annotation.importers.texts import read_json
from refseg.errors import DataError

_SPLIT_NAME = re.compile(
    r"(train|val|valid|validation|test|testing|training|trainval|minival|dev)([-_.]?\w+)?", re.IGNORECASE
)
_FILE_OF_SPLIT = re.compile(r"(?:instances|person_keypoints|annotations?|labels|coco)[-_.](.+)", re.IGNORECASE)
_NO_SPLITS = ("default", "coco", "all", "result", "json")  # CVAT and Roboflow write these where a split would stand


def mentions(source: Source, file: str, *keys: bytes) -> bool:
    """Whether a file has all these bytes, such as b'"images"', without reading it into memory; also if it is UTF-16."""
    try:
        with source.path(file).open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
            return all(data.find(b"\0".join(bytes([byte]) for byte in key) if wide else key) >= 0 for key in keys)
    except (OSError, ValueError):  # an empty file cannot be mapped
        return False


def instance_files(source: Source) -> list[str]:
    """JSON files that have COCO's lists of images and annotations, by their text alone."""
    return [file for file in source.matching("*.json") if mentions(source, file, b'"images"', b'"annotations"')]


def image_list_files(source: Source) -> list[str]:
    """JSON files that list images as COCO does, but no annotations, by their text alone."""
    found = [file for file in source.matching("*.json") if mentions(source, file, b'"images"', b'"file_name"')]
    return [file for file in found if not mentions(source, file, b'"annotations"')]


def read_instance_files(source: Source, files: list[str], report: ImportReport) -> dict[str, dict[str, Any]]:
    """Files -> values of those that hold instances.

    Captions and panoptic segments are no instances, key points only if there is nothing else. Files that are not valid
    JSON are skipped and counted. Raises DataError if there is one, and no instances.
    """
    damage: DataError | None = None
    found: dict[str, dict[str, Any]] = {}
    key_points: dict[str, dict[str, Any]] = {}
    for file in files:
        try:
            values = read_json(source, file, report)
        except DataError as error:
            damage = damage or error
            report.skip("file", reason_of(error, file), file)
            continue
        kind = _kind(values)
        if kind == "instances":
            found[file] = values
        elif kind == "key points":
            key_points[file] = values
        elif kind:
            report.skip("file", f"with {kind} instead of objects", file)
    if damage and not found and not key_points:
        raise damage
    if not found:
        return key_points
    for file in key_points:
        report.skip("file", "with key points of objects that another file has", file)
    # An image that several files list is read from the first one: of objects before that of stuff, and that without
    # annotations last.
    return dict(
        sorted(found.items(), key=lambda item: (not item[1].get("annotations"), not _is_of_instances(item[0]), item[0]))
    )


def _is_of_instances(file: str) -> bool:
    return PurePosixPath(file).name.casefold().startswith("instances")


def _kind(values: Any) -> str:
    """What the annotations of a file are; "" for a file that is not COCO's."""
    if not isinstance(values, dict) or not isinstance(values.get("images"), list):
        return ""
    annotations = values.get("annotations")
    if annotations is not None and not isinstance(annotations, list):
        return ""
    first = [one for one in (annotations or [])[:100] if isinstance(one, dict)]
    if any("segments_info" in one for one in first):
        return "panoptic segments"
    has_shape = any("segmentation" in one or "bbox" in one for one in first)
    if not has_shape and any("caption" in one for one in first):
        return "captions"
    return "key points" if any("keypoints" in one for one in first) else "instances"


def split_of(file: str) -> str:
    """The split that the name or the folder of an instance file names; "" for none."""
    path = PurePosixPath(file)
    named = _FILE_OF_SPLIT.fullmatch(path.stem)
    if named and named[1].casefold() not in _NO_SPLITS:
        return named[1]
    if not named and _SPLIT_NAME.fullmatch(path.stem):
        return path.stem
    return path.parent.name if _SPLIT_NAME.fullmatch(path.parent.name) else ""


def image_folders(file: str, split: str) -> list[str]:
    """Where the images of an instance file may be, the most likely folder first."""
    folder = PurePosixPath(file).parent
    bases = [folder.parent, folder] if folder.name.casefold() == "annotations" else [folder, folder.parent]
    inner = [f"images/{split}", split, f"{split}/images", f"{split}/data"] if split else []
    folders = [(base / one).as_posix() for base in bases for one in inner]
    folders += [(base / one).as_posix() for base in bases for one in ("images", "data", "")]
    return list(dict.fromkeys(one.removeprefix("./") for one in folders))


def names_of(image: dict[str, Any]) -> list[str]:
    """The names of an image's file, as its entry has them: paths, also those in URLs."""
    names: list[str] = []
    for key in ("file_name", "filename", "path", "coco_url", "flickr_url", "url"):
        if isinstance(value := image.get(key), str) and value.strip():
            names += _paths(value.strip())
    return list(dict.fromkeys(name for name in names if name))


def _paths(name: str) -> list[str]:
    if "://" not in name and "?" not in name:
        return [name, unquote(name)]
    try:
        parts = urlsplit(name)
    except ValueError:
        return [name]
    local = [
        one for values in parse_qs(parts.query).values() for one in values
    ]  # Label Studio: /data/local-files/?d=PATH
    return [name, *local, unquote(parts.path)]
