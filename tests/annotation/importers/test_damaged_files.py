"""Files damaged at random: an import refuses them in one sentence or counts what it skips, and never imports an object
without a pixel.
"""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from refseg.annotation.importers import import_from
from refseg.annotation.project import Project
from refseg.errors import InputError
from refseg.video.formats import davis_palette
from tests.annotation.importers.data_sets import (
    HEIGHT,
    WIDTH,
    area_mask,
    label_array,
    png_base64,
    read_data_set,
    write_array,
    write_image,
    write_text,
)

ODD_VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    1e308,
    float("nan"),
    2**70,
    "",
    "\ud800",
    "x" * 2000,
    "../..",
    [],
    {},
    [[]],
    [None],
    {"a": 1},
    "0",
]


def mutated(value: Any, dice: random.Random) -> Any:
    """A JSON value with some of its parts replaced, left out or put twice."""
    if dice.random() < 0.06:
        return dice.choice(ODD_VALUES)
    if isinstance(value, dict):
        return {key: mutated(one, dice) for key, one in value.items() if dice.random() > 0.03}
    if isinstance(value, list):
        return [mutated(one, dice) for one in value for _ in range(1 + (dice.random() < 0.03)) if dice.random() > 0.03]
    return value


def mutated_text(text: str, dice: random.Random) -> str:
    """A text with some of its words replaced, left out or exchanged."""
    words = text.replace("<", " <").replace(">", "> ").split(" ")
    for _ in range(dice.randint(1, 4)):
        position = dice.randrange(len(words))
        words[position] = dice.choice(
            ["", "nan", "-1", "1e308", "0", "\0", "<", "</object>", "é", "9" * 400, dice.choice(words), "\n"]
        )
    return " ".join(words)


def labelme(root: Path, dice: random.Random) -> None:
    box, corners = [[30, 20], [69, 39]], [[30, 20], [70, 20], [70, 40], [30, 40]]
    kinds: list[tuple[str, Any]] = [
        ("rectangle", box),
        ("polygon", corners),
        ("circle", box),
        ("rotation", corners),
        ("mask", box),
        ("point", box[:1]),
    ]
    mask = png_base64(area_mask((slice(0, 9), slice(0, 9)), shape=(20, 40)))
    shapes = [
        {"label": "mug", "points": points, "shape_type": kind, "mask": mask, "group_id": None, "description": "it"}
        for kind, points in kinds
    ]
    document = {
        "shapes": shapes,
        "imagePath": "a.jpg",
        "imageData": None,
        "imageHeight": HEIGHT,
        "imageWidth": WIDTH,
        "absent": [["a cat"]],
    }
    write_image(root / "a.jpg")
    write_text(root / "a.json", json.dumps(mutated(document, dice)))


def yolo(root: Path, dice: random.Random) -> None:
    lines = "0 0.5 0.5 0.2 0.2\n1 0.1 0.1 0.5 0.1 0.5 0.5\n0 0.5 0.5 0.2 0.2 0.9\n"
    write_image(root / "images/a.jpg")
    write_text(root / "labels/a.txt", mutated_text(lines, dice).encode("utf-8"))
    write_text(
        root / "data.yaml",
        mutated_text("train: images\nval: [images, images]\nnames: {0: mug, 1: spoon}\nkpt_shape: [1, 3]", dice).encode(
            "utf-8"
        ),
    )
    row = {"image": "images/a.jpg", "objects": [["a"], ["b"], []], "absent": [["c"]], "unnamed": [0], "frame": 1}
    write_text(root / "expressions.json", json.dumps(mutated([row], dice)))


def voc(root: Path, dice: random.Random) -> None:
    one = (
        "<object> <name>mug</name> <bndbox> <xmin>31</xmin> <ymin>21</ymin> <xmax>70</xmax> <ymax>40</ymax> </bndbox>"
        " </object>"
    )
    size = f"<size> <width>{WIDTH}</width> <height>{HEIGHT}</height> </size>"
    write_image(root / "JPEGImages/a.jpg")
    write_text(
        root / "Annotations/a.xml", mutated_text(f"<annotation> {size} {one} {one} </annotation>", dice).encode("utf-8")
    )
    write_text(root / "ImageSets/Main/train.txt", mutated_text("a\nb 1\n", dice).encode("utf-8"))
    write_text(root / "labelmap.txt", mutated_text("background:0,0,0:: \nmug:128,0,0:: \n", dice).encode("utf-8"))
    if dice.random() < 0.5:
        write_array(root / "SegmentationObject/a.png", label_array(), davis_palette())
        write_array(root / "SegmentationClass/a.png", label_array(), davis_palette())
        damage(root / "SegmentationObject/a.png", dice)


def png(root: Path, dice: random.Random) -> None:
    write_image(root / "images/a.jpg")
    write_array(root / "masks/a/0.png", area_mask((slice(0, 9), slice(0, 9))))
    damage(root / "masks/a/0.png", dice)
    row = {
        "image": "images/a.jpg",
        "mask": "masks/a/0.png",
        "category": "mug",
        "absent": False,
        "expressions": ["it"],
        "split": "val",
    }
    if dice.random() < 0.8:
        write_text(root / "masks.json", json.dumps(mutated([row, {**row, "absent": True}], dice)))
        write_text(
            root / "images.json",
            json.dumps(mutated([{"image": "images/a.jpg", "state": "accepted", "frame": 2}], dice)),
        )


def damage(path: Path, dice: random.Random) -> None:
    """Some bytes of a file are changed, or its end is missing."""
    data = bytearray(path.read_bytes())
    for _ in range(dice.randint(0, 3)):
        data[dice.randrange(len(data))] = dice.randrange(256)
    path.write_bytes(bytes(data[: dice.choice([len(data), len(data), dice.randrange(1, len(data))])]))


@pytest.mark.parametrize(("name", "build"), [("labelme", labelme), ("yolo", yolo), ("voc", voc), ("png", png)])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
def test_damaged_data_sets(
    name: str, build: Callable[[Path, random.Random], None], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp(name) / "data"
    build(root, random.Random(seed))
    try:
        told = json.dumps(read_data_set(name, root).report.to_json())
    except InputError as error:
        told = str(error)
    assert str(root) not in told, "no message names a folder of the server"
    assert "\n" not in told


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "tif", "gif"])
def test_an_image_that_is_cut_off_is_skipped(suffix: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    noise = np.random.default_rng(1).integers(0, 256, (80, 120, 3), dtype=np.uint8)
    for name in ("whole", "cut"):
        Image.fromarray(noise).save(root / f"{name}.{suffix}")
        shape = {"label": "mug", "points": [[30, 20], [70, 20], [70, 40], [30, 40]], "shape_type": "polygon"}
        (root / f"{name}.json").write_text(
            json.dumps({"imagePath": f"{name}.{suffix}", "shapes": [shape]}), encoding="utf-8"
        )
    data = (root / f"cut.{suffix}").read_bytes()
    (root / f"cut.{suffix}").write_bytes(data[: len(data) * 2 // 3])
    project = Project.create(tmp_path / "project")
    report = import_from(None, root, project)
    assert [entry.name for entry in project.summaries] == [f"whole.{suffix}"]
    assert report.skipped["image", "that cannot be read"].count == 1
    assert str(tmp_path) not in " ".join(report.summary())
