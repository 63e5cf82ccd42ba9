"""YOLO labels as Ultralytics reads them."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from refseg.annotation.exporters import export_to
from refseg.annotation.importers import import_from
from refseg.annotation.project import Project
from refseg.annotation.records import Annotation
from refseg.data.masks import encode_rle
from tests.annotation.exporters.shapes import masks
from tests.annotation.test_polygons import ellipses


def lines_of(path: Path) -> list[tuple[int, np.ndarray]]:
    """Class and ring, as shares, of each line."""
    rows = [line.split() for line in path.read_text().splitlines()]
    return [(int(row[0]), np.array(row[1:], float).reshape(-1, 2)) for row in rows]


def test_the_layout(project: Project, tmp_path: Path) -> None:
    export_to("yolo", project, tmp_path / "out")
    out = tmp_path / "out"
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert files == {
        "data.yaml",
        "expressions.json",
        "images/train/dog.png",
        "labels/train/dog.txt",
        "images/val/dog-2.png",
        "labels/val/dog-2.txt",
    }
    assert yaml.safe_load((out / "data.yaml").read_text()) == {
        "train": "images/train",
        "val": "images/val",
        "names": {0: "object", 1: "hound"},
    }
    for (number, ring), mask in zip(lines_of(out / "labels/train/dog.txt"), masks(), strict=True):
        assert (ring >= 0).all() and (ring <= 1).all() and number in (0, 1)
        canvas = np.zeros(mask.shape, np.uint8)
        cv2.fillPoly(canvas, [(ring * (60, 40)).astype(np.int32)], 1)  # as Ultralytics does
        assert not (mask & (canvas == 0)).any()


@pytest.mark.parametrize("seed", range(10))
def test_what_ultralytics_sees(seed: int, tmp_path: Path) -> None:
    """At the image's size an object with a hole is seen to the pixel."""
    mask = ellipses(seed)
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    mask = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros(mask.shape, np.uint8))
    project = Project.create(tmp_path / "project")
    project.save(project.add_image(tmp_path / "a.png").with_annotation(Annotation("1", mask=encode_rle(mask))))
    report = export_to("yolo", project, tmp_path / "out")
    [(_, ring)] = lines_of(tmp_path / "out" / "labels" / "a.txt")
    canvas = np.zeros(mask.shape, np.uint8)
    cv2.fillPoly(canvas, [(ring * mask.shape[::-1]).astype(np.int32)], 1)
    np.testing.assert_array_equal(canvas > 0, mask)
    assert not report.altered


def test_pieces_that_are_joined_are_reported(project: Project, tmp_path: Path) -> None:
    report = export_to("yolo", project, tmp_path / "out")
    counts = {reason: tally.count for (_, reason), tally in report.altered.items()}
    assert counts == {
        "its pieces are joined by lines, which some readers fill one pixel wide": (
            4
        ),  # noise and the two pieces, in two images
        "more than 1000 corners, of which Ultralytics reads 1000": 2,
    }


def test_without_splits_there_are_no_folders_of_them(project: Project, tmp_path: Path) -> None:
    for entry in project.summaries:
        project.save(replace(project.record(entry.name), split=""))
    export_to("yolo", project, tmp_path / "out")
    assert yaml.safe_load((tmp_path / "out" / "data.yaml").read_text())["val"] == "images"
    assert (tmp_path / "out" / "labels" / "dog.txt").is_file()


@pytest.mark.parametrize("split", ["testA", "names", "größer", "yes", "a/b"])
def test_splits_of_any_name(split: str, project: Project, tmp_path: Path) -> None:
    for entry in project.summaries:
        project.save(replace(project.record(entry.name), split=split))
    export_to("yolo", project, tmp_path / "out")
    again = Project.create(tmp_path / "again")
    assert import_from("yolo", tmp_path / "out", again).objects == 10
    assert {again.record(entry.name).split for entry in again.summaries} == {split}


@pytest.mark.parametrize(
    "name", ["Hündin", "a: b # c", "'\"", "- x", "null", "1.0", "😀", "a\u2028b\x7f", "line\nbreak", " x "]
)
def test_classes_of_any_name(name: str, project: Project, tmp_path: Path) -> None:
    record = project.record("dog.png")
    project.save(replace(record, annotations=(replace(record.annotations[0], category=name, expressions=(name,)),)))
    export_to("yolo", project, tmp_path / "out")
    again = Project.create(tmp_path / "again")
    import_from("yolo", tmp_path / "out", again)
    annotation = again.record("dog.png").annotations[0]
    assert (annotation.category, annotation.expressions) == (name, (name,))


def test_class_numbers_of_the_original_data_set(project: Project, tmp_path: Path) -> None:
    for entry in project.summaries[:2]:
        record = project.record(entry.name)
        classes = [("cat", 1), ("hound", 3)]
        named = [(annotation, classes[int(annotation.id) % 2]) for annotation in record.annotations[:5]]
        annotations = tuple(
            replace(annotation, category=name, category_id=number) for annotation, (name, number) in named
        )
        project.save(replace(record, annotations=annotations))
    export_to("yolo", project, tmp_path / "out")
    names = yaml.safe_load((tmp_path / "out" / "data.yaml").read_text())["names"]
    assert names == {0: "unused 0", 1: "cat", 2: "unused 2", 3: "hound"}
    assert [number for number, _ in lines_of(tmp_path / "out/labels/train/dog.txt")] == [1, 3, 1, 3, 1]


def test_category_ids_of_coco_are_no_class_numbers(project: Project, tmp_path: Path) -> None:
    for entry in project.summaries[:2]:
        record = project.record(entry.name)
        project.save(
            replace(
                record,
                original_id=5,
                annotations=tuple(replace(annotation, category_id=90) for annotation in record.annotations),
            )
        )
    export_to("yolo", project, tmp_path / "out")
    assert yaml.safe_load((tmp_path / "out" / "data.yaml").read_text())["names"] == {0: "object", 1: "hound"}


def test_what_the_labels_do_not_hold(project: Project, tmp_path: Path) -> None:
    record = project.record("dog.png")
    project.save(
        replace(
            record,
            clip="walk",
            frame=3,
            annotations=(replace(record.annotations[0], category="object"), *record.annotations[1:]),
        )
    )
    export_to("yolo", project, tmp_path / "out")
    row, _ = json.loads((tmp_path / "out" / "expressions.json").read_text(encoding="utf-8"))
    assert row == {
        "image": "images/train/dog.png",
        "objects": [[f"thing {n}", f"größtes Ding, {n}"] for n in range(5)],
        "absent": [["the elephant", "Dumbo"]],
        "unnamed": [2, 4],
        "split": "train",
        "state": "accepted",
        "clip": "walk",
        "frame": 3,
    }
