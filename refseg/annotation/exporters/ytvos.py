"""Ref-YouTube-VOS: clips as folders of frames, a PNG of object numbers for each frame, and sentences that mean objects.

    JPEGImages/CLIP/00000.jpg      the frames; a picture of no clip is a clip of one frame
    Annotations/CLIP/00000.png     8 bits, with the palette of DAVIS: 0 for background, else the object's number in the clip
    meta_expressions.json          {"videos": {CLIP: {"expressions": {"0": {"exp": TEXT, "obj_id": "1"}}, "frames": ["00000"]}}}
    meta.json                      {"videos": {CLIP: {"objects": {"1": {"category": NAME, "frames": ["00000"]}}, "split": SPLIT}}}

A pixel has one number: where masks overlap, that of the later layer. What is absent does not fit the format and is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refseg.annotation.exporters.images import Pictures, portable
from refseg.annotation.exporters.session import DrawnObject, ExportSession, said
from refseg.annotation.layouts import DEFAULT_SPLIT, UNNAMED, YTVOS_EXPRESSIONS, YTVOS_OBJECTS
from refseg.annotation.records import PictureRecord
from refseg.annotation.sinks import write_json
from refseg.errors import ProjectError
from refseg.video.formats import frame_names, palette_png

MAX_OBJECTS = 255


def export_ytvos(session: ExportSession) -> None:
    """All images, as JPEGs. Raises ProjectError for a clip that has a frame twice, or more than 255 objects.

    Layers of several frames are one object where their first expressions are the same or, without any, their ids and categories. Layers of one frame
    are several objects, whatever is said of them. A clip is of the split of its first frame.
    """
    pictures = Pictures(session, jpeg=True)
    clips: dict[str, _Clip] = {}
    for name, frame, record in _frames_of(session):
        clip = clips.setdefault(name, _Clip(name, record.split or DEFAULT_SPLIT))
        pictures.put(record, f"JPEGImages/{name}/", f"{frame}.jpg")
        session.sink.write(f"Annotations/{name}/{frame}.png", palette_png(clip.add(frame, record, session.objects(record))))
        session.lose_no_target(record)
    write_json(session.sink, YTVOS_EXPRESSIONS, {"videos": {name: clip.expressions() for name, clip in clips.items()}})
    write_json(session.sink, YTVOS_OBJECTS, {"videos": {name: clip.meta() for name, clip in clips.items()}})


class _Clip:
    """The objects of a clip, known by what is said of them, as its frames come."""

    def __init__(self, name: str, split: str) -> None:
        self._name, self._split = name, split
        self._numbers: dict[tuple[object, ...], int] = {}
        self._said: dict[int, dict[str, None]] = {}
        self._categories: dict[int, str] = {}
        self._frames: dict[str, list[int]] = {}  # the objects that are seen in each

    def add(self, frame: str, record: PictureRecord, objects: list[DrawnObject]) -> NDArray[np.uint8]:
        """The numbers (H, W) of a frame's objects."""
        labels = np.zeros((record.height, record.width), dtype=np.uint8)
        times: Counter[tuple[object, ...]] = Counter()
        for layer, mask in objects:
            texts = said(layer)
            key = ("said", texts[0]) if texts else ("drawn", layer.id, layer.category)
            times[key] += 1
            number = self._numbers.setdefault((*key, times[key]), len(self._numbers) + 1)
            if number > MAX_OBJECTS:
                raise ProjectError(
                    f"the clip {self._name} has more than {MAX_OBJECTS} objects, which the format cannot tell apart: remove some"
                )
            self._said.setdefault(number, {}).update(dict.fromkeys(texts))
            self._categories[number] = self._categories.get(number) or layer.category
            labels[mask] = number
        self._frames[frame] = np.unique(labels[labels > 0]).tolist()
        return labels

    def expressions(self) -> dict[str, Any]:
        """What meta_expressions.json says of the clip."""
        pairs = [(text, number) for number, texts in self._said.items() for text in texts]
        rows = {str(position): {"exp": text, "obj_id": str(number)} for position, (text, number) in enumerate(pairs)}
        return {"expressions": rows, "frames": list(self._frames)}

    def meta(self) -> dict[str, Any]:
        """What meta.json says of it."""
        seen = {number: [frame for frame, numbers in self._frames.items() if number in numbers] for number in self._categories}
        objects = {str(number): {"category": name or UNNAMED, "frames": seen[number]} for number, name in self._categories.items()}
        return {"objects": objects, "split": self._split}


def _frames_of(session: ExportSession) -> Iterator[tuple[str, str, PictureRecord]]:
    """Clip and frame by their names, and the record; the frames of a clip together and in order. Those without a number come after those with one."""
    pictures: dict[tuple[str, str], list[tuple[int | None, PictureRecord]]] = {}
    for record in session.records():
        key = ("clip", record.clip) if record.clip else ("picture", record.name)
        pictures.setdefault(key, []).append((record.frame if record.clip else None, record))
    taken: set[str] = set()
    for (kind, clip), frames in pictures.items():
        name = _free(portable(clip if kind == "clip" else Path(clip).stem), taken)
        known: dict[int, PictureRecord] = {}
        for number, picture in frames:
            if number is not None and number in known:
                raise ProjectError(
                    f"{known[number].name} and {picture.name} are both frame {number} of the clip {clip}: remove one of them"
                )
            if number is not None:
                known[number] = picture
        unknown = [picture for number, picture in frames if number is None]
        known = dict(sorted(known.items())) | dict(enumerate(unknown, start=max(known, default=-1) + 1))
        yield from ((name, frame, picture) for frame, picture in zip(frame_names(known), known.values(), strict=True))


def _free(name: str, taken: set[str]) -> str:
    free, number = name, 1
    while free.casefold() in taken:
        number += 1
        free = f"{name}-{number}"
    taken.add(free.casefold())
    return free
