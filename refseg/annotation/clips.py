"""Adds frames of a video to a project as images, so that the masks of a model can be corrected one by one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from refseg.annotation.names import file_name
from refseg.annotation.project import Project
from refseg.annotation.records import AnnotatedImage, Annotation
from refseg.errors import ImageError, ProjectError
from refseg.images import load_image, save_png
from refseg.video.reader import Clip


def add_frames(
    project: Project, clip: Clip, name: str, numbers: Sequence[int], annotation: Callable[[int], Annotation]
) -> Iterator[AnnotatedImage]:
    """Adds the frames with these increasing numbers among the frames used. Yields each record after it is saved.

    name: of the video.  annotation: makes the annotation of a frame from its number.
    If the project already has a frame, the annotation is added to it, so that several objects can be sent one after the
    other. A frame of another video of the same name has other pixels and becomes another image. Raises VideoError from
    where the video is damaged, ProjectError, ImageError.
    """
    wanted = list(numbers)
    part = clip.part(wanted)
    known = _frames_of(project, name)
    with TemporaryDirectory(prefix="refseg-") as folder:
        for frame, number in zip(part.frames(), wanted, strict=True):
            record = next(
                (record for record in known.get(frame.index, ()) if _shows(project, record, frame.image)), None
            )
            if record is not None:
                yield project.save(record.with_prediction(annotation(number)))
                continue
            path = Path(folder) / "frame.png"
            save_png(path, frame.image)

            def filled(record: AnnotatedImage, index: int = frame.index, number: int = number) -> AnnotatedImage:
                return replace(record.with_prediction(annotation(number)), clip=name, frame=index)

            yield project.add_image(path, name=f"{_prefix(name)}{frame.index:05d}.png", filled=filled)


def _prefix(name: str) -> str:
    """The start of the names of a video's frames: the video's name, short enough that frame numbers are not cut off."""
    return f"{file_name(name[:50])}-"


def _frames_of(project: Project, name: str) -> dict[int, list[AnnotatedImage]]:
    """Images of the project that are frames of videos of this name, by frame index. Reads only records whose file name
    fits.
    """
    frames: dict[int, list[AnnotatedImage]] = defaultdict(list)
    for entry in project.summaries:
        if entry.name.startswith(_prefix(name)):
            record = project.record(entry.name)
            if record.clip == name and record.frame is not None:
                frames[record.frame].append(record)
    return frames


def _shows(project: Project, record: AnnotatedImage, image: NDArray[np.uint8]) -> bool:
    """Whether an image has the pixels (H, W, 3) of this frame; frames are saved without loss. False if it cannot be
    read.
    """
    if (record.height, record.width) != image.shape[:2]:
        return False
    try:
        return np.array_equal(load_image(project.image_path(record)), image)
    except (ImageError, ProjectError):
        return False
