"""Frames of a clip as pictures of a project, so that masks that a model drew over time can be corrected one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from refseg.annotation.records import Layer, PictureRecord
from refseg.annotation.store import Project
from refseg.images import save_png
from refseg.video.formats import safe_name
from refseg.video.reader import Clip


def take_frames(project: Project, clip: Clip, name: str, numbers: Sequence[int], layer: Callable[[int], Layer]) -> Iterator[PictureRecord]:
    """Adds the frames with these increasing numbers, counted among the frames used, each with a layer; yields each record when it is on disk.

    name: of the clip, for people.  layer: makes the layer of a frame by its number. A frame that the project has already gets the layer beside those
    that it has, so several things can be sent one after the other. Raises VideoError from where on a clip is damaged, ProjectError, ImageError.
    """
    wanted = list(numbers)
    part = replace(clip, indices=clip.indices[wanted], times=clip.times[wanted])
    known = {(record.clip, record.frame): record for record in _frames_of(project, name)}
    with TemporaryDirectory(prefix="refseg-") as folder:
        for frame, number in zip(part.frames(), wanted, strict=True):
            record = known.get((name, frame.index))
            if record is not None:
                yield project.save(record.with_proposal(layer(number)))
                continue
            path = Path(folder) / "frame.png"
            save_png(path, frame.image)

            def filled(record: PictureRecord, index: int = frame.index, number: int = number) -> PictureRecord:
                return replace(record.with_proposal(layer(number)), clip=name, frame=index)

            yield project.add_picture(path, name=f"{safe_name(name)}-{frame.index:05d}.png", filled=filled)


def _frames_of(project: Project, name: str) -> Iterator[PictureRecord]:
    """Pictures of the project that are frames of a clip; read only where the file's name says that they may be."""
    for entry in project.entries:
        if entry.name.startswith(f"{safe_name(name)}-"):
            record = project.record(entry.name)
            if record.clip == name:
                yield record
