"""Videos with masks and referring expressions: Ref-YouTube-VOS, Ref-DAVIS17 and MeViS as they are published, and what
this project exports.

    meta_expressions/SPLIT/meta_expressions.json   Ref-YouTube-VOS: one object per expression (`obj_id`)
    SPLIT/JPEGImages/VIDEO/FRAME.jpg               the frames
    SPLIT/Annotations/VIDEO/FRAME.png              the number of the object at each pixel; a test set has none
    SPLIT/meta.json                                the categories of the objects
    SPLIT/meta_expressions.json, mask_dict.json    MeViS: several objects per expression (`anno_id`), run lengths

A meta_expressions.json beside JPEGImages, without splits, is read too. Each frame becomes an image that knows its
video and frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from refseg.annotation.importers.indexed_json import IndexedJson
from refseg.annotation.importers.mask_images import Numbers, read_label_image
from refseg.annotation.importers.objects import ImportedObject
from refseg.annotation.importers.report import ImportReport
from refseg.annotation.importers.session import ImportSession
from refseg.annotation.importers.source import Source
from refseg.annotation.importers.values import texts, whole
from refseg.annotation.importers.ytvos_videos import (
    FRAMES,
    NUMBERS,
    FrameFiles,
    Part,
    Video,
    find_parts,
    frame_number,
    read_videos,
)
from refseg.annotation.layouts import MEVIS_MASKS, VOC_VOID, YTVOS_EXPRESSIONS
from refseg.annotation.progress import with_progress
from refseg.annotation.records import Id
from refseg.data.masks import BoolMask, decode_rle
from refseg.errors import DataError
from refseg.video.formats import frame_names

Masks = Callable[[], BoolMask]
"""Reads a mask (H, W) of its own size; raises DataError."""


def detect(source: Source) -> bool:
    """Whether there is a meta_expressions.json."""
    return any(PurePosixPath(file).name.casefold() == YTVOS_EXPRESSIONS for file in source.files)


def read(source: Source, session: ImportSession) -> None:
    """Add the frames of all videos. Raises DataError if no meta_expressions.json is one."""
    report, files = session.report, FrameFiles(source)
    found: list[tuple[Part, Video]] = []
    problems: list[DataError] = []
    for part in find_parts(source):
        try:
            found += [(part, video) for video in read_videos(source, part, report)]
        except DataError as error:
            problems.append(error)
    if not found:
        raise (
            problems[0]
            if problems
            else DataError(f"there is no {YTVOS_EXPRESSIONS} with videos: choose another format")
        )
    for problem in problems:
        report.skip("file", "cannot be read", str(problem))
    masks: dict[str, IndexedJson | None] = {}
    reader: _Frames | None = None
    for part, video, position in with_progress(_frames_of(found), session.progress):
        if reader is None or reader.video is not video:
            if reader is not None:
                reader.finish()
            if part.masks and part.masks not in masks:
                masks[part.masks] = _open_masks(source, part, report)
            reader = _Frames(source, session, files, video, masks.get(part.masks))
        reader.add(position)
    if reader is not None:
        reader.finish()
    for file, opened in masks.items():
        for key in () if opened is None else opened.unread():
            report.skip("object", f"in {MEVIS_MASKS}, but no expression refers to it", f"{file}: annotation {key[:40]}")
    for _, video in found:
        if not video.frames:
            report.skip("video", "without frames", video.where)
    for folder in files.unused(FRAMES):
        report.skip("video", f"not in {YTVOS_EXPRESSIONS}", folder)


def _frames_of(videos: list[tuple[Part, Video]]) -> list[tuple[Part, Video, int]]:
    return [(part, video, position) for part, video in videos for position in range(len(video.frames))]


def _renamed(name: str, suffix: str) -> str:
    """A name with another suffix, unless it has that one in another case."""
    path = PurePosixPath(name)
    return name if path.suffix.casefold() == suffix.casefold() else name.removesuffix(path.suffix) + suffix


def _open_masks(source: Source, part: Part, report: ImportReport) -> IndexedJson | None:
    try:
        return IndexedJson(source.path(part.masks), part.masks)
    except DataError as error:
        report.skip("file", "cannot be read, so objects have no masks", str(error))
        return None


@dataclass
class _Frames:
    """Adds the frames of one video and counts the expressions whose objects have no mask in any of them."""

    source: Source
    session: ImportSession
    files: FrameFiles
    video: Video
    masks: IndexedJson | None
    seen: set[Id] = field(default_factory=set)
    is_complete: bool = True

    def __post_init__(self) -> None:
        self.expressions: dict[Id, dict[str, None]] = {}
        for one in self.video.expressions:
            for id_ in one.objects:
                self.expressions.setdefault(id_, {})[one.text] = None
        self.run_lengths = self._run_lengths() if self.masks is not None else {}

    def add(self, position: int) -> None:
        """Add a frame, if its image is there."""
        video, frame = self.video, self.video.frames[position]
        where = f"{video.where}: frame {frame[:40]}"
        file = self.files.find(video, FRAMES, frame)
        if file is None:
            self.session.report.skip("image", "its file is missing", where)
            return
        own = video.images.get(frame)
        own = own if isinstance(own, dict) else {}
        is_image = own.get("clip") == "" if "clip" in own else video.is_former and video.frames == frame_names([0])
        number = frame_number(frame)
        if is_image:
            name, clip, index = f"{video.name}{PurePosixPath(file).suffix}", "", None
        else:
            name, clip, index = (
                f"{video.name}-{PurePosixPath(file).name}",
                video.name,
                position if number is None else number,
            )
        original_name = file
        if isinstance(own.get("name"), str) and own["name"]:
            name, original_name = "", _renamed(own["name"], PurePosixPath(file).suffix)
        if isinstance(own.get("clip"), str) and own["clip"]:
            clip, stated = own["clip"], whole(own.get("frame"))
            index = None if stated is None or stated < 0 else stated
        self.session.add_image(
            self.source.path(file),
            lambda height, width: self._objects(position, own, where),
            where=where,
            name=name,
            original_name=original_name,
            original_id=own.get("id"),
            split=own["split"] if isinstance(own.get("split"), str) else video.split,
            clip=clip,
            frame=index,
            complete=self.is_complete,
            state=own.get("state"),
        )

    def finish(self) -> None:
        """Count what none of the frames has."""
        report, where = self.session.report, self.video.where
        for id_, expressions in self.expressions.items():
            if id_ not in self.seen:
                report.skip(
                    "expression", "its object has no mask in any frame", f"{where}: object {id_}", len(expressions)
                )

    def _objects(self, position: int, own: Mapping[str, Any], where: str) -> Iterator[ImportedObject]:
        known = own.get("objects")
        known = known if isinstance(known, dict) else {}
        order = {number: place for place, number in enumerate(known)}
        masks = ((self.video.numbers.get(id_, id_), id_, mask) for id_, mask in self._masks(position, where))
        for number, id_, mask in sorted(masks, key=lambda found: order.get(str(found[0]), len(order))):
            self.seen.add(id_)
            entry = known.get(str(number))
            entry = entry if isinstance(entry, dict) else {}
            expressions = texts(entry.get("expressions")) if "expressions" in entry else None
            category = entry.get("category")
            yield ImportedObject(
                f"{where}: object {number}",
                mask,
                expressions=list(self.expressions.get(id_, ())) if expressions is None else expressions,
                category=category if isinstance(category, str) else self.video.categories.get(number, ""),
                original_id=entry.get("id", number),
                category_id=entry.get("category_id"),
            )
        no_target = own.get("no_target")
        for entry in no_target if isinstance(no_target, list) else [[text] for text in self.video.no_target]:
            yield ImportedObject(f"{where}: no-target entry", expressions=texts(entry) or [], no_target=True)

    def _masks(self, position: int, where: str) -> Iterator[tuple[Id, Masks]]:
        """The objects of a frame with their masks."""
        if self.masks is not None:
            for id_, frames in self.run_lengths.items():
                mask = _decoder(frames[position]) if position < len(frames) and frames[position] else None
                if mask is not None and not _is_empty(
                    mask
                ):  # an object that the frame does not show has null or an empty mask
                    yield id_, mask
            return
        file = self.files.find(self.video, NUMBERS, self.video.frames[position])
        if file is None:
            return
        try:
            numbers = read_label_image(self.source.path(file)).numbers
        except DataError as error:
            self.session.report.skip("mask image", str(error).split(":", 1)[0], file)
            return
        for number in np.unique(numbers[numbers > 0]).tolist():
            if number == VOC_VOID and number not in self.expressions and number not in self.video.categories:
                self.session.report.skip(
                    "object", f"number {VOC_VOID}, the border of other objects", f"{where}: {file}"
                )
            else:
                yield number, _pixels(numbers, number)

    def _skip(self, reason: str, where: str) -> None:
        """Count an object without which no frame is complete."""
        self.session.report.skip("object", reason, where)
        self.is_complete = False

    def _run_lengths(self) -> dict[Id, list[Any]]:
        """The run lengths of each object by frames."""
        assert self.masks is not None  # noqa: S101 -- the caller has checked it
        found: dict[Id, list[Any]] = {}
        for id_ in dict.fromkeys((*self.expressions, *self.video.numbers)):
            where = f"{self.video.where}: annotation {id_}"
            try:
                value = self.masks.get(str(id_))
            except DataError as error:
                self._skip("its masks are missing in mask_dict.json", f"{where}: {error}")
                continue
            if not isinstance(value, list):
                self._skip("its masks in mask_dict.json are no list", where)
                continue
            if len(value) != len(self.video.frames):
                reason = "has another number of masks than its video has frames"
                self.session.report.alter(
                    "object", reason, f"{where}: {len(value)} masks, {len(self.video.frames)} frames"
                )
            found[id_] = value
        return found


def _pixels(numbers: Numbers, number: int) -> Masks:
    def mask() -> BoolMask:
        pixels: BoolMask = numbers == number
        return pixels

    return mask


def _is_empty(mask: Masks) -> bool:
    """Whether a mask has no pixel; one that cannot be read is not empty."""
    try:
        return not mask().any()
    except DataError:
        return False


def _decoder(value: Any) -> Masks:
    """Decodes run lengths in the size that they give, once."""

    @cache
    def mask() -> BoolMask:
        if not isinstance(value, Mapping):
            raise DataError("the mask is no run lengths")
        return decode_rle(value)

    return mask
