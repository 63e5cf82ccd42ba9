"""Videos as Ref-YouTube-VOS and MeViS have them, in one folder that the loaders of both read.

    meta_expressions/SPLIT/meta_expressions.json   the frames and expressions of each video, one object per expression
    SPLIT/JPEGImages/VIDEO/00000.jpg               the frames; an image that is no frame becomes a video of one frame
    SPLIT/Annotations/VIDEO/00000.png              the number of the object at each pixel, 0 for background
    SPLIT/meta.json                                the category of each object and the frames that show it
    SPLIT/meta_expressions.json, mask_dict.json    MeViS: several objects per expression, run lengths of each object

A pixel of a PNG has one number: where masks overlap, that of the smaller object. The run lengths are complete.
`images` in meta.json, which other tools ignore, keeps what the formats have no place for: states, names, ids,
no-target entries, expressions of single frames.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from refseg.annotation.export_output import write_json
from refseg.annotation.exporters.images import ImageWriter, portable
from refseg.annotation.exporters.session import ExportSession
from refseg.annotation.exporters.ytvos_video import Video
from refseg.annotation.layouts import (
    DEFAULT_SPLIT,
    MEVIS_MASKS,
    YTVOS_EXPRESSIONS,
    YTVOS_EXPRESSIONS_FOLDER,
    YTVOS_OBJECTS,
    YTVOS_SPLITS,
)
from refseg.errors import ProjectError
from refseg.video.formats import frame_names, palette_png


def export_ytvos(session: ExportSession) -> None:
    """All images as JPEGs. A video is in the split of its first frame."""
    image_writer = ImageWriter(session, jpeg=True)
    places = _places(session)
    splits: dict[str, _Split] = {}
    with tempfile.TemporaryDirectory(prefix="refseg-") as folder, ExitStack() as stack:
        video: Video | None = None
        for record in session.records(list(places)):
            place = places[record.name]
            if video is None or video.name != place.video:
                if video is not None:
                    _split_of(video, splits).add(video)
                video = Video(place.video, record.split or DEFAULT_SPLIT, session)
                if _folder_of(video.split).casefold() not in splits:
                    split = _Split(_folder_of(video.split), Path(folder) / str(len(splits)))
                    splits[split.folder.casefold()] = split
                    stack.callback(split.close)
            elif (record.split or DEFAULT_SPLIT) != video.split:
                session.report.alter("image", "in the split of the first frame of its video", record.name)
            root = _split_of(video, splits).folder
            image_writer.put(record, f"{root}/JPEGImages/{place.video}/", f"{place.frame}.jpg")
            numbers = video.add(place.frame, record)
            session.output.write(f"{root}/Annotations/{place.video}/{place.frame}.png", palette_png(numbers))
        if video is not None:
            _split_of(video, splits).add(video)
        for split in splits.values():
            split.write(session)


class _Place(NamedTuple):
    """Where an image goes: the names of its video and frame."""

    video: str
    frame: str


class _Split:
    """The files of one split. The masks of MeViS are collected on disk, the rest in memory."""

    def __init__(self, folder: str, spool: Path) -> None:
        """spool: a path for a temporary file."""
        self.folder, self._spool = folder, spool
        self._file = spool.open("w", encoding="utf-8", newline="\n")
        self._next_id = 0
        self._expressions: dict[str, Any] = {}
        self._meta: dict[str, Any] = {}
        self._mevis: dict[str, Any] = {}

    def add(self, video: Video) -> None:
        """Add a video with all its frames."""
        video.report()
        self._expressions[video.name] = video.expressions()
        self._meta[video.name] = video.meta(self._next_id)
        self._mevis[video.name] = video.mevis_expressions(self._next_id)
        for id_, masks in video.mevis_masks(self._next_id).items():
            separator = ", " if self._next_id else "{"
            self._file.write(f'{separator}"{id_}": {json.dumps(masks)}')
            self._next_id += 1

    def write(self, session: ExportSession) -> None:
        """Write the files to the output."""
        self._file.write("}\n" if self._next_id else "{}\n")
        self._file.close()
        write_json(
            session.output,
            f"{YTVOS_EXPRESSIONS_FOLDER}/{self.folder}/{YTVOS_EXPRESSIONS}",
            {"videos": self._expressions},
        )
        write_json(session.output, f"{self.folder}/{YTVOS_OBJECTS}", {"videos": self._meta})
        write_json(session.output, f"{self.folder}/{YTVOS_EXPRESSIONS}", {"videos": self._mevis})
        session.output.copy(f"{self.folder}/{MEVIS_MASKS}", self._spool)

    def close(self) -> None:
        """Close the temporary file."""
        self._file.close()


def _split_of(video: Video, splits: dict[str, _Split]) -> _Split:
    return splits[_folder_of(video.split).casefold()]


def _folder_of(split: str) -> str:
    """The folder of a split: "valid" for "val", as the loaders expect it."""
    name = portable(YTVOS_SPLITS.get(split.casefold(), split))
    return f"{name}_" if name.casefold() == YTVOS_EXPRESSIONS_FOLDER else name


def _places(session: ExportSession) -> dict[str, _Place]:
    """Image -> its place, the frames of a video together and in order. Frames without a number come after those with
    one.

    An image whose frame number is taken, as by another video of the same name, goes to a video of its own.
    """
    videos: dict[tuple[str, str, int], dict[int, str]] = {}
    unnumbered: dict[tuple[str, str, int], list[str]] = {}
    for name in session.names():
        try:
            record = session.project.record(name)
        except ProjectError:
            videos[("image", name, 0)] = {0: name}  # `session.records` reports it
            continue
        key = ("clip", record.clip, 0) if record.clip else ("image", record.name, 0)
        if not record.clip or record.frame is None:
            videos.setdefault(key, {})
            unnumbered.setdefault(key, []).append(name)
            continue
        while record.frame in videos.setdefault(key, {}):
            key = (*key[:2], key[2] + 1)
        if key[2]:
            session.report.alter("image", "written to another video, because its frame number comes twice", name)
        videos[key][record.frame] = name
    return dict(_named(videos, unnumbered))


def _named(
    videos: dict[tuple[str, str, int], dict[int, str]], unnumbered: dict[tuple[str, str, int], list[str]]
) -> Iterator[tuple[str, _Place]]:
    taken: set[str] = set()
    for key, numbered in videos.items():
        kind, clip, _ = key
        video = _free(portable(clip if kind == "clip" else Path(clip).stem), taken)
        frames = dict(sorted(numbered.items())) | dict(
            enumerate(unnumbered.get(key, ()), start=max(numbered, default=-1) + 1)
        )
        for frame, image in zip(frame_names(frames), frames.values(), strict=True):
            yield image, _Place(video, frame)


def _free(name: str, taken: set[str]) -> str:
    free, number = name, 1
    while free.casefold() in taken:
        number += 1
        free = f"{name}-{number}"
    taken.add(free.casefold())
    return free
