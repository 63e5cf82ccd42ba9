"""Frames of a clip as pictures of a project, so that masks that a model drew over time can be corrected one by one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from refseg.annotation.names import file_name
from refseg.annotation.records import Layer, PictureRecord
from refseg.annotation.store import Project
from refseg.errors import ImageError, ProjectError
from refseg.images import load_image, save_png
from refseg.video.reader import Clip


def take_frames(project: Project, clip: Clip, name: str, numbers: Sequence[int], layer: Callable[[int], Layer]) -> Iterator[PictureRecord]:
    """Adds the frames with these increasing numbers, counted among the frames used, each with a layer; yields each record when it is on disk.

    name: of the clip, for people.  layer: makes the layer of a frame by its number. A frame that the project has already gets the layer beside those
    that it has, so several things can be sent one after the other; one of another clip of that name, whose pixels differ, is another picture. Raises
    VideoError from where on a clip is damaged, ProjectError, ImageError.
    """
    wanted = list(numbers)
    part = replace(clip, indices=clip.indices[wanted], times=clip.times[wanted])
    known = _frames_of(project, name)
    with TemporaryDirectory(prefix="refseg-") as folder:
        for frame, number in zip(part.frames(), wanted, strict=True):
            record = next((record for record in known.get(frame.index, ()) if _shows(project, record, frame.image)), None)
            if record is not None:
                yield project.save(record.with_proposal(layer(number)))
                continue
            path = Path(folder) / "frame.png"
            save_png(path, frame.image)

            def filled(record: PictureRecord, index: int = frame.index, number: int = number) -> PictureRecord:
                return replace(record.with_proposal(layer(number)), clip=name, frame=index)

            yield project.add_picture(path, name=f"{_prefix(name)}{frame.index:05d}.png", filled=filled)


def _prefix(name: str) -> str:
    """What the names of the frames of a clip begin with: its name, not so long that their numbers would be cut off."""
    return f"{file_name(name[:50])}-"


def _frames_of(project: Project, name: str) -> dict[int, list[PictureRecord]]:
    """Pictures of the project that are frames of clips of a name, by their index; read only where the file's name says that they may be."""
    frames: dict[int, list[PictureRecord]] = defaultdict(list)
    for entry in project.entries:
        if entry.name.startswith(_prefix(name)):
            record = project.record(entry.name)
            if record.clip == name and record.frame is not None:
                frames[record.frame].append(record)
    return frames


def _shows(project: Project, record: PictureRecord, image: NDArray[np.uint8]) -> bool:
    """Whether a picture is this very frame (H, W, 3): frames are kept without loss. One that cannot be read shows nothing."""
    if (record.height, record.width) != image.shape[:2]:
        return False
    try:
        return np.array_equal(load_image(project.picture_path(record)), image)
    except (ImageError, ProjectError):
        return False
