"""Data on disk for runs in miniature."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

RECIPE = """
from dataclasses import replace

from refseg.data.sources import ClipSpec, SourceSpec
from refseg.models.compact import CompactConfig
from refseg.training.recipe import Phase, Recipe

SHARED = dict(images=2, expressions=2, image_size=64, rate=1e-2, table_rate=1e-2, warmup=1)
RECIPE = Recipe(
    name="miniature",
    network=replace(CompactConfig.tiny(), cross_frame=8),
    sources=(SourceSpec("balls", 1.0),),
    phases=(
        Phase("head", steps=2, backbone_rate=0.0, regions=False, **SHARED),
        Phase("selection", task="selection", steps=1, backbone_rate=0.0, synthetic=0.5, **SHARED),
        Phase("instances", task="instances", steps=1, backbone_rate=0.0, instances=2, **SHARED),
        Phase("whole", steps=2, backbone_rate=1e-2, instances=2, **SHARED),
        Phase("clips", task="clips", steps=4, backbone_rate=0.0, **{**SHARED, "images": 3}),
    ),
    clips=ClipSpec("moving", without=("held-back",)),
    gate={"balls": 1.0},
    calibration="balls",
)
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """DATA/balls: three pictures with a red ball left and a blue one right, the third for validation; and
    DATA/recipe.py.
    """
    folder = tmp_path / "data" / "balls"
    (folder / "images").mkdir(parents=True)
    (folder.parent / "recipe.py").write_text(RECIPE, encoding="utf-8")
    images, annotations, refs = [], [], []
    for number in (1, 2, 3):
        split = "val" if number == 3 else "train"
        picture = np.full((60, 80, 3), 128, np.uint8)
        images.append({"id": number, "file_name": f"{number}.png", "width": 80, "height": 60, "split": split})
        for side, (x, colour, words) in enumerate(
            [(10, (0, 0, 220), "red ball"), (50, (220, 0, 0), "the blue ball on the right")]
        ):
            picture[20:40, x : x + 20] = colour
            polygon = [x, 20, x + 20, 20, x + 20, 40, x, 40]
            key = 10 * number + side
            annotations.append(
                {
                    "id": key,
                    "image_id": number,
                    "category_id": 1,
                    "bbox": [x, 20, 20, 20],
                    "area": 400,
                    "iscrowd": 0,
                    "segmentation": [polygon],
                }
            )
            refs.append(
                {"ref_id": key, "ann_id": key, "image_id": number, "split": split, "sentences": [{"sent": words}]}
            )
        cv2.imwrite(str(folder / "images" / f"{number}.png"), picture)
    coco = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "sports ball"}]}
    (folder / "instances.json").write_text(json.dumps(coco), encoding="utf-8")
    (folder / "expressions.json").write_text(json.dumps(refs), encoding="utf-8")
    _write_clips(folder.parent / "moving")
    return folder.parent


def _write_clips(root: Path) -> None:
    """ROOT: a red ball that moves, and a sequence that cannot be read."""
    for kind in ("images", "masks"):
        (root / kind / "ball").mkdir(parents=True)
    for number in range(5):
        picture, mask = np.full((60, 80, 3), 128, np.uint8), np.zeros((60, 80), np.uint8)
        picture[20:40, 10 * number : 10 * number + 20], mask[20:40, 10 * number : 10 * number + 20] = (0, 0, 220), 255
        cv2.imwrite(str(root / "images" / "ball" / f"{number:05d}.jpg"), picture)
        cv2.imwrite(str(root / "masks" / "ball" / f"{number:05d}.png"), mask)
    (root / "expressions.json").write_text(json.dumps({"ball": ["red ball"]}), encoding="utf-8")
