"""COCO, YOLO and Pascal VOC by supervision.

It rounds the corners of polygons and sets the pixels that their lines touch, so polygons come one pixel wider to the
right and below; run lengths are exact.
"""

import cv2
import numpy as np
import pytest

from refseg.annotation.polygons import INSET, outline_of
from tests.interoperability.conftest import Export, objects

sv = pytest.importorskip("supervision")
pytestmark = pytest.mark.filterwarnings("ignore")

CLASSES = ["dog", "object", "person", "猫"]
NUMBERS = [0, 1, 1, 2, 3]
COUNTS = {"train": 3, "val": 2}


def widened(mask: np.ndarray) -> np.ndarray:
    """The mask, one pixel wider to the right and below."""
    canvas = np.pad(mask, ((0, 1), (0, 1)))
    canvas[1:] |= np.pad(mask, ((0, 0), (0, 1)))
    canvas[:, 1:] |= canvas[:, :-1].copy()
    return canvas[:-1, :-1]


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("name", ["coco", "coco-polygons"])
def test_coco(name: str, split: str, export: Export) -> None:
    data = sv.DetectionDataset.from_coco(
        images_directory_path=str(export(name) / "images" / split),
        annotations_path=str(export(name) / "annotations" / f"instances_{split}.json"),
        force_masks=True,
    )
    assert data.classes == CLASSES and len(data) == COUNTS[split]
    for _, image, detections in data:
        assert image.shape == (80, 120, 3) and detections.class_id.tolist() == NUMBERS
        for seen, mask in zip(detections.mask, objects(), strict=True):
            if name == "coco":
                np.testing.assert_array_equal(seen, mask)
            else:
                assert not (mask & ~seen).any() and not (seen & ~widened(mask)).any()


@pytest.mark.parametrize("split", ["train", "val"])
def test_yolo(split: str, export: Export) -> None:
    root = export("yolo")
    data = sv.DetectionDataset.from_yolo(
        images_directory_path=str(root / "images" / split),
        annotations_directory_path=str(root / "labels" / split),
        data_yaml_path=str(root / "data.yaml"),
        force_masks=True,
    )
    assert data.classes == CLASSES and len(data) == COUNTS[split]
    for _, image, detections in data:
        assert image.shape == (80, 120, 3) and detections.class_id.tolist() == NUMBERS
        for seen, mask in zip(detections.mask, objects(), strict=True):
            joined = np.zeros(mask.shape, np.uint8)
            cv2.fillPoly(joined, [outline_of(mask, INSET).astype(np.int32)], 1)
            assert not (mask & ~seen).any() and not (seen & ~widened(widened(joined > 0))).any()


def test_voc(export: Export) -> None:
    root = export("voc") / "VOCdevkit" / "VOC2012"
    data = sv.DetectionDataset.from_pascal_voc(str(root / "JPEGImages"), str(root / "Annotations"))
    assert sorted(data.classes) == sorted(CLASSES) and len(data) == 5
    for _, image, detections in data:
        assert image.shape == (80, 120, 3)
        for box, mask in zip(detections.xyxy, objects(), strict=True):
            y, x = np.nonzero(mask)
            assert box.tolist() == [x.min(), y.min(), x.max() + 1, y.max() + 1]
