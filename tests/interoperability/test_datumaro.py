"""COCO and Pascal VOC by datumaro, which must find out the format by itself."""

from pathlib import Path

import numpy as np
import pytest

from tests.interoperability.conftest import Export, objects

dm = pytest.importorskip("datumaro")
pytestmark = pytest.mark.filterwarnings("ignore")


def detected(root: Path) -> list[str]:
    from datumaro.components.environment import Environment

    formats: list[str] = Environment().detect_dataset(str(root))
    return formats


@pytest.mark.parametrize("name", ["coco", "coco-polygons"])
def test_coco(name: str, export: Export) -> None:
    assert detected(export(name)) == ["coco_instances"]
    data = dm.Dataset.import_from(str(export(name)), "coco_instances")
    assert {item.id: item.subset for item in data} == {
        "dog": "train", "deep": "train", "猫の写真 1": "train", "print": "val", "loop": "val",
    }  # fmt: skip
    labels = [label.name for label in data.categories()[dm.AnnotationType.label]]
    assert labels == ["dog", "object", "person", "猫"]
    for item in data:
        assert item.media.data.shape[:2] == (80, 120)
        masks: dict[int, np.ndarray] = {}
        for annotation in item.annotations:
            if annotation.type in (dm.AnnotationType.mask, dm.AnnotationType.polygon):
                image = annotation.image if annotation.type == dm.AnnotationType.mask else annotation.as_polygon()
                if annotation.type == dm.AnnotationType.polygon:
                    from pycocotools import mask as coco

                    image = coco.decode(coco.frPyObjects([list(image)], 80, 120))[..., 0]
                masks[annotation.group] = masks.get(annotation.group, np.zeros((80, 120), bool)) | (
                    np.asarray(image) > 0
                )
        for group, mask in zip(sorted(masks), objects(), strict=True):
            np.testing.assert_array_equal(masks[group], mask)


def test_voc(export: Export) -> None:
    root = export("voc") / "VOCdevkit" / "VOC2012"
    assert "voc" in detected(root)
    data = dm.Dataset.import_from(str(root), "voc")
    labels = [label.name for label in data.categories()[dm.AnnotationType.label]]
    assert {item.id for item in data} == {"dog", "deep", "猫の写真 1", "print", "loop"} and set(data.subsets()) == {
        "train",
        "val",
    }
    for item in data:
        boxes = [annotation for annotation in item.annotations if annotation.type == dm.AnnotationType.bbox]
        assert [labels[box.label] for box in boxes] == ["dog", "object", "object", "person", "猫"]
        masks = [annotation for annotation in item.annotations if annotation.type == dm.AnnotationType.mask]
        assert len(masks) == 5  # the dot lies inside the box and is not covered by it
        assert min(int(np.asarray(mask.image).sum()) for mask in masks) == 12
