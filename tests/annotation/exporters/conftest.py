"""Projects to export."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refseg.annotation.project import Project
from refseg.annotation.records import Annotation, State
from refseg.data.masks import encode_rle
from tests.annotation.exporters.shapes import masks


def box(left: int, top: int = 10, right: int | None = None, bottom: int = 20) -> Any:
    """Run lengths of a rectangle in an image of 40 x 60."""
    mask = np.zeros((40, 60), bool)
    mask[top:bottom, left : left + 10 if right is None else right] = True
    return encode_rle(mask)


@pytest.fixture
def project(tmp_path: Path, photos: list[Path]) -> Project:
    """Two finished images, one of each split, with five masks and a no-target entry each; and a skipped one."""
    made = Project.create(tmp_path / "project", "ours")
    for number, path in enumerate(photos):
        record = made.add_image(path)
        for position, mask in enumerate(masks()):
            said = (f"thing {position}", f"größtes Ding, {position}")
            record = record.with_annotation(
                Annotation(str(position), said, "hound" if position % 2 else "", mask=encode_rle(mask))
            )
        record = record.with_annotation(Annotation("absent", ("the elephant", "Dumbo"), no_target=True))
        state: State = "skipped" if number == 2 else "corrected" if number else "accepted"
        made.save(replace(record, state=state, split="val" if number else "train"))
    return made


@pytest.fixture
def videos(tmp_path: Path, photos: list[Path]) -> Project:
    """Frames 0, 5 and 10 of the video "Straße", the last first, with three objects and a no-target entry, and an image
    of no video.
    """
    project = Project.create(tmp_path / "videos")
    for frame in (10, 0, 5):
        record = project.add_image(photos[2], name=f"frame {frame}.jpg")
        annotations = [
            Annotation("1", ("the left car", f"car of frame {frame}"), "car", mask=box(frame)),
            Annotation("7", mask=box(frame + 20)),
            Annotation("9", ("the left car",), "object", mask=box(45)),
            Annotation("8", ("a whale",), no_target=True),
        ]
        state = "corrected" if frame == 5 else "accepted"
        annotations = annotations[1:] if frame == 5 else annotations
        project.save(
            replace(record, annotations=tuple(annotations), split="val", clip="Straße", frame=frame, state=state)
        )
    record = project.add_image(photos[0])
    project.save(record.with_annotation(Annotation("1", ("the left car",), "car", mask=box(3))))
    return project
