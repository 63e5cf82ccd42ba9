"""COCO as pycocotools reads it."""

import json
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from refseg.annotation.exporters import export_to
from refseg.annotation.importers import import_from
from refseg.annotation.store import Project
from refseg.data.masks import encode_rle
from tests.annotation.formats.shapes import masks


@pytest.mark.parametrize("name", ["coco", "coco-polygons"])
def test_pycocotools_reads_coco(name: str, project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pycocotools.coco import COCO

    export_to(name, project, tmp_path / "out")
    coco = COCO(str(tmp_path / "out" / "instances.json"))
    assert len(coco.getImgIds()) == 2 and {category["name"] for category in coco.loadCats(coco.getCatIds())} == {"object", "hound"}
    for image in coco.getImgIds():
        annotations = coco.loadAnns(coco.getAnnIds(imgIds=[image]))
        for annotation, mask in zip(annotations, masks(), strict=True):
            np.testing.assert_array_equal(coco.annToMask(annotation) > 0, mask)
            assert annotation["area"] == mask.sum()
            ys, xs = np.nonzero(mask)
            assert annotation["bbox"] == [xs.min(), ys.min(), xs.max() + 1 - xs.min(), ys.max() + 1 - ys.min()]


def test_polygons_are_read_again_to_the_pixel(project: Project, tmp_path: Path) -> None:
    export_to("coco-polygons", project, tmp_path / "out")
    again = Project.create(tmp_path / "again")
    assert import_from("coco", tmp_path / "out", again).objects == 10
    for mask, layer in zip(masks(), again.record("dog.png").layers, strict=True):
        np.testing.assert_array_equal(layer.pixels(), mask)


def test_two_thousand_pictures_take_ten_times_as_long_as_two_hundred(tmp_path: Path) -> None:
    """Of one name in many folders, with expressions: nothing in an import may grow faster than the data set."""
    _, png = cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))
    seconds = {}
    for count in (200, 2000):
        root = tmp_path / str(count)
        for number in range(count):
            (root / "images" / str(number)).mkdir(parents=True)
            (root / "images" / str(number) / "a.png").write_bytes(png.tobytes())
        images = [{"id": n, "file_name": f"{n}/a.png", "width": 4, "height": 4} for n in range(count)]
        rle = encode_rle(np.eye(4, dtype=bool))
        annotations = [{"id": n, "image_id": n, "category_id": 1, "segmentation": rle} for n in range(count)]
        refs = [{"ref_id": n, "ann_id": n, "image_id": n, "split": "train", "sentences": [{"sent": "it"}]} for n in range(count)]
        values = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "thing"}]}
        (root / "instances.json").write_text(json.dumps(values))
        (root / "expressions.json").write_text(json.dumps(refs))
        project = Project.create(tmp_path / f"project {count}")
        started = time.process_time()
        assert import_from("refcoco", root, project).objects == count
        seconds[count] = time.process_time() - started
        assert [entry.name for entry in project.entries[:2]] == ["a.png", "1-a.png"]
    assert seconds[2000] < 20 * seconds[200]
