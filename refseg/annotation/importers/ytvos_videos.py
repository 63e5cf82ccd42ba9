"""The videos that Ref-YouTube-VOS, Ref-DAVIS17 and MeViS describe, each with its frames, objects and expressions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from refseg.annotation.importers.report import ImportReport
from refseg.annotation.importers.source import IMAGE_SUFFIXES, Source
from refseg.annotation.importers.texts import read_json
from refseg.annotation.importers.values import id_key, whole
from refseg.annotation.layouts import (
    MEVIS_MASKS,
    UNNAMED,
    YTVOS_ANNOTATION_IDS,
    YTVOS_EXPRESSIONS,
    YTVOS_EXPRESSIONS_FOLDER,
    YTVOS_IMAGES,
    YTVOS_OBJECTS,
)
from refseg.annotation.names import name_key
from refseg.annotation.records import Id
from refseg.errors import DataError

FRAMES, NUMBERS = "JPEGImages", "Annotations"


@dataclass
class Expression:
    """objects: the ids of those that it refers to. Those of a video with PNGs are the numbers in them, of MeViS
    annotation ids.
    """

    text: str
    objects: tuple[Id, ...]


@dataclass
class Video:
    """A video as it is described. folder: where JPEGImages and Annotations are.  where: for the report.

    expressions: with the objects that they refer to.  no_target: expressions that refer to no object.  categories:
    object number -> category.
    numbers: annotation id -> object number, for MeViS.  images: frame -> what this project wrote of it, for its own
    exports; is_former: an export of this project without that, in which an image that is no frame is a video of one
    frame.
    """

    name: str
    folder: str
    split: str
    where: str
    frames: list[str] = field(default_factory=list)
    expressions: list[Expression] = field(default_factory=list)
    no_target: list[str] = field(default_factory=list)
    categories: dict[Id, str] = field(default_factory=dict)
    numbers: dict[Id, Id] = field(default_factory=dict)
    images: Mapping[str, Any] = field(default_factory=dict)
    is_former: bool = False


@dataclass(frozen=True)
class Part:
    """One split. expressions, masks, meta: files, "" for none; masks are those of MeViS.  folder: where JPEGImages
    and Annotations are.
    """

    expressions: str
    folder: str
    masks: str = ""
    meta: str = ""

    @property
    def split(self) -> str:
        """The name of its folder; "" at the root."""
        return PurePosixPath(self.folder).name


def find_parts(source: Source) -> list[Part]:
    """The splits of a data set, by their meta_expressions.json.

    A folder with a mask_dict.json beside it is read as MeViS, and not again by the meta_expressions/SPLIT/ that
    Ref-YouTube-VOS would have for it.
    """
    files = {name_key(file): file for file in source.files}

    def beside(folder: str, name: str) -> str:
        return files.get(name_key(f"{folder}/{name}".strip("/")), "")

    lists = [file for file in source.files if PurePosixPath(file).name.casefold() == YTVOS_EXPRESSIONS]
    parts = [
        Part(file, _parent(file), beside(_parent(file), MEVIS_MASKS))
        for file in lists
        if beside(_parent(file), MEVIS_MASKS)
    ]
    mevis = {name_key(part.folder) for part in parts}
    for file in lists:
        folder = PurePosixPath(_parent(file))
        is_beside = name_key(folder.parent.name) == YTVOS_EXPRESSIONS_FOLDER
        images = f"{_parent(folder.parent.as_posix())}/{folder.name}".strip("/") if is_beside else _parent(file)
        if name_key(images) not in mevis:
            parts.append(Part(file, images))
    return sorted(
        (replace(part, meta=beside(part.folder, YTVOS_OBJECTS)) for part in parts), key=lambda part: part.expressions
    )


def read_videos(source: Source, part: Part, report: ImportReport) -> Iterator[Video]:
    """The videos of a split. Entries that cannot be used are counted. Raises DataError if the file is no list of
    videos.
    """
    values = read_json(source, part.expressions, report)
    videos = values.get("videos") if isinstance(values, dict) else None
    if not isinstance(videos, dict):
        raise DataError(
            f"{part.expressions} has no object of videos, expected {{'videos': {{NAME: ...}}}}: export the data set"
            " again"
        )
    meta = _read_meta(source, part, report)
    for name, value in videos.items():
        where = f"{part.expressions}: {name[:80]}"
        if not isinstance(value, dict):
            report.skip("video", "is not an object", where)
            continue
        known = _mapping(meta.get(name))
        own = known.get("split")
        video = Video(name, part.folder, own if isinstance(own, str) else part.split, where)
        _add_frames(video, value, report)
        _add_expressions(video, value, report, is_mevis=bool(part.masks))
        _add_objects(video, known, report, is_mevis=bool(part.masks))
        video.images = _mapping(known.get(YTVOS_IMAGES))
        video.is_former = isinstance(own, str) and not video.images
        yield video


class FrameFiles:
    """Finds the files of frames by their names without a suffix."""

    def __init__(self, source: Source) -> None:
        self._by_folder: dict[str, dict[str, str]] = {}
        for file in source.files:
            path = PurePosixPath(file)
            if path.suffix.casefold() in IMAGE_SUFFIXES:
                self._by_folder.setdefault(name_key(path.parent.as_posix()), {})[name_key(path.stem)] = file
        self._used: set[str] = set()

    def find(self, video: Video, kind: str, frame: str) -> str | None:
        """The file of a frame; kind: FRAMES or NUMBERS. None if there is none."""
        stem = frame if PurePosixPath(frame).suffix.casefold() not in IMAGE_SUFFIXES else PurePosixPath(frame).stem
        folder = name_key(f"{video.folder}/{kind}/{video.name}".strip("/"))
        self._used.add(folder)
        return self._by_folder.get(folder, {}).get(name_key(stem))

    def unused(self, kind: str) -> list[str]:
        """Folders with images, one per video, that no video asked for."""
        return [
            folder for folder in self._by_folder if folder not in self._used and f"/{name_key(kind)}/" in f"/{folder}"
        ]


def _read_meta(source: Source, part: Part, report: ImportReport) -> Mapping[str, Any]:
    if not part.meta:
        return {}
    try:
        values = read_json(source, part.meta, report)
    except DataError as error:
        report.skip("file", "cannot be read, so categories are missing", str(error))
        return {}
    videos = values.get("videos") if isinstance(values, dict) else None
    if not isinstance(videos, dict):
        report.skip("file", "has no object of videos, so categories are missing", part.meta)
        return {}
    return videos


def _add_frames(video: Video, value: Mapping[str, Any], report: ImportReport) -> None:
    frames = value.get("frames")
    if not isinstance(frames, list):
        report.skip("video", "without a list of frames", video.where)
        return
    for frame in frames:
        if isinstance(frame, bool) or not isinstance(frame, str | int) or not str(frame).strip():
            report.skip("image", "has a frame name that is not text", f"{video.where}: {str(frame)[:40]}")
        elif str(frame) in video.frames:
            report.skip("image", "named twice in its video", f"{video.where}: {str(frame)[:40]}")
        else:
            video.frames.append(str(frame))


def _add_expressions(video: Video, value: Mapping[str, Any], report: ImportReport, *, is_mevis: bool) -> None:
    entries = value.get("expressions", {})
    if isinstance(entries, list):  # some copies have a list
        entries = {str(position): entry for position, entry in enumerate(entries)}
    if not isinstance(entries, dict):
        report.skip("video", "its expressions are not an object, so its objects have none", video.where)
        return
    for key, entry in entries.items():
        where = f"{video.where}: expression {str(key)[:40]}"
        text = entry.get("exp") if isinstance(entry, dict) else None
        if not isinstance(text, str) or not text.strip():
            report.skip("expression", "without text", where)
            continue
        given = entry.get("anno_id" if is_mevis else "obj_id")
        ids = [id_key(one) for one in (given if isinstance(given, list) else [given])]
        if given == []:
            video.no_target.append(text)
        elif any(one is None for one in ids):
            report.skip("expression", "does not say which object it refers to", where)
        else:
            video.expressions.append(Expression(text, tuple(one for one in ids if one is not None)))
            numbers = entry.get("obj_id")
            if is_mevis and isinstance(numbers, list) and len(numbers) == len(ids):
                pairs = zip(ids, map(id_key, numbers), strict=True)
                video.numbers.update({one: number for one, number in pairs if one is not None and number is not None})


def _add_objects(video: Video, known: Mapping[str, Any], report: ImportReport, *, is_mevis: bool) -> None:
    objects = known.get("objects", {})
    if not isinstance(objects, dict):
        report.skip("video", "its objects in meta.json are not an object, so they have no categories", video.where)
        return
    is_own = YTVOS_IMAGES in known or "split" in known  # this project writes UNNAMED for objects without a category
    for number, value in objects.items():
        category = value.get("category") if isinstance(value, dict) else None
        if isinstance(category, str):
            video.categories[id_key(number) or number] = "" if is_own and category == UNNAMED else category
    if is_mevis:
        pairs = ((id_key(number), id_key(one)) for number, one in _mapping(known.get(YTVOS_ANNOTATION_IDS)).items())
        video.numbers.update({one: number for number, one in pairs if number is not None and one is not None})


def frame_number(frame: str) -> int | None:
    """The number that a frame is named by; None if its name is no number."""
    number = whole(frame) if frame.isascii() and frame.isdigit() else None
    return number if number is not None and number < 2**31 else None


def _mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def _parent(file: str) -> str:
    parent = PurePosixPath(file).parent.as_posix()
    return "" if parent == "." else parent
