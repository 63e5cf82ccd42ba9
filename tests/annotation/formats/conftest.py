"""A project to export."""

from dataclasses import replace
from pathlib import Path

import pytest

from refseg.annotation.records import Layer
from refseg.annotation.store import Project
from refseg.data.masks import encode_rle
from tests.annotation.formats.shapes import masks


@pytest.fixture
def project(tmp_path: Path, photos: list[Path]) -> Project:
    """Two finished pictures, one of each split, with five masks each and something that is absent; and a skipped one."""
    made = Project.create(tmp_path / "project", "ours")
    for number, path in enumerate(photos):
        record = made.add_picture(path)
        for position, mask in enumerate(masks()):
            said = (f"thing {position}", f"größtes Ding, {position}")
            record = record.with_layer(Layer(str(position), said, "hound" if position % 2 else "", mask=encode_rle(mask)))
        record = record.with_layer(Layer("absent", ("the elephant", "Dumbo"), absent=True))
        state = "skipped" if number == 2 else "accepted"
        made.save(replace(record, state=state, split="val" if number else "train"))
    return made
