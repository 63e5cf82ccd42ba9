"""Masks as PNG files: the format that holds everything."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from refseg.annotation.exporters import export_to
from refseg.annotation.project import Project
from refseg.annotation.records import Annotation
from refseg.data.masks import encode_rle
from tests.annotation.exporters.shapes import SHAPE, masks


def test_the_layout(project: Project, tmp_path: Path) -> None:
    record = project.record("dog.png")
    annotations = (
        *record.annotations,
        Annotation("e", ("empty",), mask=encode_rle(np.zeros(SHAPE, bool))),
        Annotation("n", ("not drawn",)),
    )
    project.save(replace(record, annotations=annotations, clip="walk", frame=0))
    project.save(replace(project.record("dog-2.png"), annotations=()))
    report = export_to("png", project, tmp_path / "out")
    assert (report.objects, report.no_target, report.images) == (6, 1, 2)
    rows = json.loads((tmp_path / "out" / "masks.json").read_text(encoding="utf-8"))
    assert [row["mask"] for row in rows] == [
        *(f"masks/dog.png/{n:03d}.png" for n in range(5)),
        None,
        "masks/dog.png/006.png",
        None,
    ]
    for row, mask in zip(rows, [*masks(), None, np.zeros(SHAPE, bool), None], strict=True):
        if mask is not None:
            with Image.open(tmp_path / "out" / row["mask"]) as image:
                assert image.mode == "L"
                np.testing.assert_array_equal(np.asarray(image), mask * 255)
    images = json.loads((tmp_path / "out" / "images.json").read_text(encoding="utf-8"))
    assert images == [
        {"image": "images/dog.png", "split": "train", "state": "accepted", "clip": "walk", "frame": 0},
        {"image": "images/dog-2.png", "split": "val", "state": "corrected"},
    ]
