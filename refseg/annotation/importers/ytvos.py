"""Ref-YouTube-VOS: clips as folders of frames, a PNG of object numbers for each frame, and sentences that mean objects.

    JPEGImages/CLIP/00000.jpg      the frames; a picture of no clip is a clip of one frame
    Annotations/CLIP/00000.png     8 bits, with the palette of DAVIS: 0 for background, else the object's number in the clip
    meta_expressions.json          {"videos": {CLIP: {"expressions": {"0": {"exp": TEXT, "obj_id": "1"}}, "frames": ["00000"]}}}
    meta.json                      {"videos": {CLIP: {"objects": {"1": {"category": NAME, "frames": ["00000"]}}, "split": SPLIT}}}

A pixel has one number: where masks overlap, that of the later layer. What is absent does not fit the format and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refseg.annotation.importers.reading import inside, label_map, new_layer, take
from refseg.annotation.layouts import UNNAMED, YTVOS_EXPRESSIONS, YTVOS_OBJECTS
from refseg.annotation.progress import Progress, followed, silent
from refseg.annotation.records import Layer
from refseg.annotation.store import Project
from refseg.data.json_entries import read_json
from refseg.errors import DataError
from refseg.video.formats import frame_names


@dataclass(frozen=True)
class _Video:
    """A clip that is read: where it is, its frames by name, and what is said of its objects by their numbers."""

    folder: Path
    name: str
    split: str
    frames: tuple[str, ...]
    said: Mapping[int, list[str]]
    categories: Mapping[int, str]


def import_ytvos(root: Path, project: Project, progress: Progress = silent) -> int:
    """What `export_ytvos` writes, and the data set as it is published, with its splits: ROOT/meta_expressions/SPLIT/meta_expressions.json and
    ROOT/SPLIT/. Returns the number of masks. Frames without a PNG have no masks. Raises DataError, ImageError or ProjectError."""
    videos = list(_videos(root))
    frames = [(video, position, frame) for video in videos for position, frame in enumerate(video.frames)]
    if not frames:
        raise DataError(f"{root} names no frames, expected clips with some in {YTVOS_EXPRESSIONS}")
    return sum(_take(project, video, position, frame) for video, position, frame in followed(frames, progress))


def _take(project: Project, video: _Video, position: int, frame: str) -> int:
    path = inside(video.folder, f"JPEGImages/{video.name}/{frame}.jpg", video.folder / YTVOS_EXPRESSIONS)
    numbers = f"Annotations/{video.name}/{frame}.png"

    def layers(height: int, width: int) -> Iterator[Layer]:
        if not (video.folder / numbers).is_file():
            return
        labels = label_map(inside(video.folder, numbers, video.folder / YTVOS_EXPRESSIONS), height, width)
        for number in np.unique(labels[labels > 0]).tolist():
            yield new_layer(str(number), labels == number, video.said.get(number, ()), video.categories.get(number, ""))

    if video.frames == tuple(frame_names([0])):
        return take(project, path, layers, name=f"{video.name}.jpg", split=video.split)
    number = _number(frame)
    return take(
        project,
        path,
        layers,
        name=f"{video.name}-{frame}.jpg",
        split=video.split,
        clip=video.name,
        frame=position if number is None else number,
    )


def _videos(root: Path) -> Iterator[_Video]:
    parts = [(root / YTVOS_EXPRESSIONS, root, "")]
    if not parts[0][0].is_file():
        parts = [(file, root / file.parent.name, file.parent.name) for file in sorted(root.glob(f"meta_expressions/*/{YTVOS_EXPRESSIONS}"))]
    if not parts:
        raise DataError(f"{root} has no {YTVOS_EXPRESSIONS}, expected one there or in meta_expressions/SPLIT/")
    for file, folder, split in parts:
        objects = _objects_of(folder / YTVOS_OBJECTS) if (folder / YTVOS_OBJECTS).is_file() else {}
        for name, value in _named(read_json(file), "videos", file).items():
            where = f"{file}: the video {name[:80]!r}"
            frames = value.get("frames")
            if not isinstance(frames, list) or not all(isinstance(frame, str) for frame in frames):
                raise DataError(f"{where} has no list of frames, expected their names")
            known = objects.get(name, {})
            categories = {
                number: "" if one["category"] == UNNAMED else one["category"]
                for key, one in _named(known, "objects", folder / YTVOS_OBJECTS).items()
                if (number := _number(key)) is not None and isinstance(one.get("category"), str)
            }
            own = known.get("split")
            yield _Video(folder, name, own if isinstance(own, str) else split, tuple(frames), _said(value, file, where), categories)


def _said(video: Mapping[str, Any], file: Path, where: str) -> dict[int, list[str]]:
    """The sentences about each object, each once, in their order; those that do not say which object they mean, as in a test set, are left out."""
    meant: dict[int, dict[str, None]] = {}
    for entry in _named(video, "expressions", file).values():
        if not isinstance(entry.get("exp"), str):
            raise DataError(f"{where} has an expression without a text `exp`")
        number = _number(entry.get("obj_id"))
        if number is not None and entry["exp"].strip():
            meant.setdefault(number, {})[entry["exp"]] = None
    return {number: list(texts) for number, texts in meant.items()}


def _number(value: Any) -> int | None:
    """A number from 0 as JSON's names hold it, in digits; None for anything else."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _objects_of(file: Path) -> Mapping[str, Mapping[str, Any]]:
    return _named(read_json(file), "videos", file)


def _named(value: Any, key: str, file: Path) -> Mapping[str, Mapping[str, Any]]:
    """An object of objects, which may be missing only where nothing is known at all. Raises DataError."""
    found = value.get(key, {}) if isinstance(value, dict) else None
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise DataError(f"{file} has {key} that are not what was expected: a JSON object of objects")
    return found
