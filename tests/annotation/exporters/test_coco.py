"""COCO as pycocotools reads it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from refseg.annotation.exporters import export_to
from refseg.annotation.project import Project
from refseg.annotation.records import Annotation
from refseg.data.masks import encode_rle
from tests.annotation.exporters.shapes import SHAPE, masks


def instances(root: Path, split: str = "train") -> dict[str, Any]:
    values: dict[str, Any] = json.loads((root / "annotations" / f"instances_{split}.json").read_text(encoding="utf-8"))
    return values


@pytest.mark.parametrize("name", ["coco", "coco-polygons"])
def test_pycocotools_reads_coco(
    name: str, project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pycocotools.coco import COCO

    export_to(name, project, tmp_path / "out")
    for split, file in (("train", "dog.png"), ("val", "dog-2.png")):
        coco = COCO(str(tmp_path / "out" / "annotations" / f"instances_{split}.json"))
        [image] = coco.loadImgs(coco.getImgIds())
        assert image["file_name"] == file and (tmp_path / "out" / "images" / split / file).is_file()
        assert {category["name"] for category in coco.loadCats(coco.getCatIds())} == {"object", "hound"}
        annotations = coco.loadAnns(coco.getAnnIds(imgIds=[image["id"]]))
        for annotation, mask in zip(annotations, masks(), strict=True):
            np.testing.assert_array_equal(coco.annToMask(annotation) > 0, mask)
            assert annotation["area"] == mask.sum()
            ys, xs = np.nonzero(mask)
            assert annotation["bbox"] == [xs.min(), ys.min(), xs.max() + 1 - xs.min(), ys.max() + 1 - ys.min()]


def test_polygons_are_the_mask_for_readers_that_truncate_positions(project: Project, tmp_path: Path) -> None:
    export_to("coco-polygons", project, tmp_path / "out")
    for annotation, mask in zip(instances(tmp_path / "out")["annotations"], masks(), strict=True):
        canvas = np.zeros(SHAPE, np.uint8)
        for polygon in annotation["segmentation"]:
            assert len(polygon) >= 6
            cv2.fillPoly(canvas, [np.array(polygon).reshape(-1, 2).astype(np.int32)], 1)
        np.testing.assert_array_equal(canvas > 0, mask)


def test_what_other_readers_ignore(project: Project, tmp_path: Path) -> None:
    record = project.record("dog.png")
    named = replace(record.annotations[0], category="object")
    project.save(replace(record, annotations=(named, *record.annotations[1:]), clip="walk", frame=7))
    export_to("coco", project, tmp_path / "out")
    values = instances(tmp_path / "out")
    [image] = values["images"]
    assert (image["split"], image["state"], image["clip"], image["frame"]) == ("train", "accepted", "walk", 7)
    assert image["no_target"] == [["the elephant", "Dumbo"]]
    first, second, third, *_ = values["annotations"]
    assert first["expressions"] == ["thing 0", "größtes Ding, 0"]
    assert "unnamed" not in first and "unnamed" not in second and third["unnamed"] is True
    assert first["category_id"] == third["category_id"]  # one category "object"
    assert len(values["categories"]) == 2


def test_ids_of_the_original_data_set(project: Project, tmp_path: Path) -> None:
    record = project.record("dog.png")
    annotations = [
        replace(annotation, original_id=900 - n, category_id=18 if n % 2 else 3)
        for n, annotation in enumerate(record.annotations)
    ]
    annotations[4] = replace(annotations[4], original_id="text")
    project.save(replace(record, annotations=tuple(annotations), original_id=42))
    project.save(replace(project.record("dog-2.png"), original_id=42))
    report = export_to("coco", project, tmp_path / "out")
    values = instances(tmp_path / "out")
    assert [image["id"] for image in values["images"]] == [42]
    assert [annotation["id"] for annotation in values["annotations"]] == [900, 899, 898, 897, 1]
    assert {category["name"]: category["id"] for category in values["categories"]} == {"object": 3, "hound": 18}
    other = instances(tmp_path / "out", "val")
    assert [image["id"] for image in other["images"]] == [1] and other["categories"] == values["categories"]
    assert not {annotation["id"] for annotation in other["annotations"]} & {
        annotation["id"] for annotation in values["annotations"]
    }
    reason = "its id is not a number or is used twice, and has become another one"
    assert (report.altered["image", reason].count, report.altered["object", reason].count) == (1, 1)


def test_class_numbers_of_yolo_are_no_category_ids(project: Project, tmp_path: Path) -> None:
    record = project.record("dog.png")
    project.save(
        replace(record, annotations=tuple(replace(annotation, category_id=0) for annotation in record.annotations))
    )
    export_to("coco", project, tmp_path / "out")
    assert sorted(category["id"] for category in instances(tmp_path / "out")["categories"]) == [1, 2]


def test_a_project_without_images(tmp_path: Path) -> None:
    report = export_to("coco", Project.create(tmp_path / "empty"), tmp_path / "out")
    assert report.images == 0 and instances(tmp_path / "out")["images"] == []


def test_names_of_every_script(photos: list[Path], tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project")
    for name in ("猫の写真.png", "Hündin 1.png", "собака.png"):
        record = project.add_image(photos[0], name=name)
        project.save(record.with_annotation(Annotation("1", ("it",), "猫", mask=encode_rle(np.ones(SHAPE, bool)))))
    export_to("coco", project, tmp_path / "out")
    assert [image["file_name"] for image in instances(tmp_path / "out")["images"]] == [
        "猫の写真.png",
        "Hündin 1.png",
        "собака.png",
    ]
    assert instances(tmp_path / "out")["categories"][0]["name"] == "猫"
