"""LabelMe: masks as its newer versions write them, all shapes that have an inside, and what people do to the files."""

import base64
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from refseg.annotation.exporters import export_to
from refseg.annotation.importers import import_from
from refseg.annotation.records import PictureRecord
from refseg.annotation.store import Project
from refseg.errors import DataError
from tests.annotation.exporters.shapes import SHAPE, masks


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def png(array: np.ndarray) -> str:
    data = io.BytesIO()
    Image.fromarray(array).save(data, format="PNG")
    return base64.b64encode(data.getvalue()).decode()


@pytest.fixture
def root(tmp_path: Path, photos: list[Path]) -> Path:
    """A picture beside which a test puts shapes."""
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copy(photos[0], folder / "dog.png")
    return folder


def imported(root: Path, *shapes: Any, **values: Any) -> PictureRecord:
    (root / "dog.json").write_text(json.dumps({"shapes": list(shapes), "imagePath": "dog.png", **values}), encoding="utf-8")
    project = Project.create(root.parent / "again")
    import_from("labelme", root, project)
    return project.record(project.entries[0].name)


def shape(kind: str | None, points: Any, **values: Any) -> dict[str, Any]:
    return {"label": "thing", "points": points, "shape_type": kind, **values}


def test_the_layout_is_read_as_labelme_does(project: Project, tmp_path: Path) -> None:
    export_to("labelme", project, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"dog.png", "dog.json", "dog-2.png", "dog-2.json"}
    values = read(tmp_path / "out" / "dog.json")
    assert (values["imagePath"], values["imageData"], values["imageHeight"], values["imageWidth"]) == ("dog.png", None, 40, 60)
    assert values["split"] == "train" and values["absent"] == [["the elephant", "Dumbo"]]
    for one, mask in zip(values["shapes"], masks(), strict=True):
        seen = np.zeros(SHAPE, bool)
        (x1, y1), (x2, y2) = np.asarray(one["points"]).astype(int)
        with Image.open(io.BytesIO(base64.b64decode(one["mask"]))) as picture:
            seen[y1 : y2 + 1, x1 : x2 + 1] = np.asarray(picture).astype(bool)
        np.testing.assert_array_equal(seen, mask)
        assert one["shape_type"] == "mask" and one["group_id"] is None
    assert values["shapes"][0]["description"] == "thing 0\ngrößtes Ding, 0" and values["shapes"][0]["label"] == "object"


def test_shapes_with_an_inside(root: Path) -> None:
    part = np.array([[1, 0, 1], [0, 1, 0]], np.uint8)
    record = imported(
        root,
        shape("polygon", [[10, 5], [20, 5], [20, 15], [10, 15]]),
        shape(None, [[0, 0], [60, 0], [0, 40]]),
        shape("rectangle", [[30.4, 20.6], [25.4, 10.6]]),
        shape("circle", [[30, 20], [30, 26]]),
        shape("mask", [[50, 30], [52, 31]], mask=png(part)),
        shape("mask", [[57, 38], [59, 39]], mask=png(part.astype(bool))),
        shape("line", [[0, 0], [5, 5]]),
        shape("point", [[0, 0]]),
        shape("oriented_rectangle", [[5, 0], [10, 5], [5, 10], [0, 5]]),
    )
    y, x = np.mgrid[:40, :60] + 0.5
    expected = [
        (x > 10) & (x < 20) & (y > 5) & (y < 15),
        x / 60 + y / 40 < 1,
        (x > 25.4) & (x < 30.4) & (y > 10.6) & (y < 20.6),
        np.hypot(x - 30, y - 20) <= 6,
        np.pad(part > 0, ((30, 8), (50, 7))),
        np.pad(part > 0, ((38, 0), (57, 0))),
        np.abs(x - 5) + np.abs(y - 5) < 5,
    ]
    assert len(record.layers) == len(expected)
    for layer, mask in zip(record.layers, expected, strict=True):
        on_the_line = 10 if mask is expected[6] or mask is expected[1] else 0  # centres that lie on a slanted edge
        assert (layer.pixels() ^ mask).sum() <= on_the_line


def test_groups_are_one_thing(root: Path) -> None:
    box = [[0, 0], [10, 10]]
    record = imported(
        root,
        shape("rectangle", box, group_id=1, description="the left one\nthe big one"),
        shape("rectangle", [[30, 0], [40, 10]], description="another"),
        shape("rectangle", [[20, 0], [30, 10]], group_id=1, description="the big one\n\nthe old one"),
        {**shape("rectangle", box, group_id=1), "label": "other"},
    )
    assert [layer.expressions for layer in record.layers] == [("the left one", "the big one", "the old one"), ("another",), ()]
    assert [int(layer.pixels().sum()) for layer in record.layers] == [200, 100, 100]
    assert [layer.category for layer in record.layers] == ["thing", "thing", "other"]


def test_files_that_people_have_moved(root: Path, tmp_path: Path) -> None:
    """Pictures in another folder, beside the JSON after all, and JSON of other programs."""
    (root / "images").mkdir()
    (root / "labels").mkdir()
    (root / "other.json").write_text("[1]")
    shutil.move(root / "dog.png", root / "images" / "Hündin 1.png")
    box = shape("rectangle", [[0, 0], [10, 10]])
    for name, stated in (("a", "..\\images\\Hündin 1.png"), ("b", "../images/Hündin 1.png")):
        (root / "labels" / f"{name}.json").write_text(json.dumps({"shapes": [box], "imagePath": stated}))
    shutil.copy(root / "images" / "Hündin 1.png", root / "labels" / "c.png")
    (root / "labels" / "c.json").write_text(
        json.dumps({"shapes": [box], "imagePath": "/home/bob/c.png", "imageHeight": None, "imageWidth": None})
    )
    again = Project.create(tmp_path / "again")
    assert import_from("labelme", root, again).objects == 3
    assert [entry.name for entry in again.entries] == ["H_ndin_1.png", "H_ndin_1-2.png", "c.png"]


def test_expressions_of_several_lines_become_one(project: Project, tmp_path: Path) -> None:
    record = project.record("dog.png")
    project.save(replace(record, layers=(replace(record.layers[0], expressions=("a\nb", " ", "c")),)))
    export_to("labelme", project, tmp_path / "out")
    again = Project.create(tmp_path / "again")
    import_from("labelme", tmp_path / "out", again)
    assert again.record("dog.png").layers[0].expressions == ("a b", "c")


SQUARE = [[0, 0], [1, 1]]


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (5, "list of objects"),
        ({**shape("polygon", SQUARE), "label": 5}, "expected texts"),
        (shape("polygon", [[0, 0], [9, 0], [0, 9]], description=[1]), "expected texts"),
        (shape("polygon", SQUARE), "is a polygon of the points"),
        (shape("polygon", [[0, 0], [1, 1], [2]]), "is a polygon of the points"),
        (shape("polygon", [[0, 0, 0]] * 3), "is a polygon of the points"),
        (shape("polygon", None), "is a polygon of the points"),
        (shape("polygon", "text"), "is a polygon of the points"),
        (shape("polygon", [[0, 0], [float("nan"), 1], [2, 2]]), "is a polygon of the points"),
        (shape("rectangle", [[0, 0]]), "is a rectangle of the points"),
        (shape("circle", [[0, 0], [1, 1], [2, 2]]), "is a circle of the points"),
        (shape("mask", SQUARE), "its mask cannot be read"),
        (shape("mask", SQUARE, mask="?"), "no base64"),
        (shape("mask", SQUARE, mask="é"), "no base64|cannot be read"),
        (shape("mask", SQUARE, mask=base64.b64encode(b"text").decode()), "its mask cannot be read"),
        (shape("mask", SQUARE, mask=png(np.zeros((41, 2), np.uint8))), "has 2 x 41 pixels"),
        (shape("mask", SQUARE, mask=png(np.zeros((2, 2, 3), np.uint8))), "has colours"),
        (shape("mask", [[59, 0], [60, 1]], mask=png(np.zeros((2, 2), np.uint8))), "outside its picture"),
        (shape("mask", [[-1, 0], [0, 1]], mask=png(np.zeros((2, 2), np.uint8))), "outside its picture"),
    ],
)
def test_damaged_shapes_are_one_sentence(one: Any, reason: str, root: Path) -> None:
    with pytest.raises(DataError, match=reason):
        imported(root, one)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"shapes": {}}, "list of objects"),
        ({"split": 5}, "list of objects"),
        ({"absent": 5}, "list of lists"),
        ({"absent": [[5]]}, "list of texts"),
        ({"imagePath": None}, "expected the name of its picture"),
        ({"imagePath": "cat.png"}, "put it there"),
        ({"imagePath": "../secret.png"}, "inside"),
        ({"imagePath": "/etc/passwd"}, "inside"),
        ({"imagePath": "a\0b"}, "inside"),
        ({"imagePath": "x" * 5000}, "inside"),
        ({"imageHeight": 60, "imageWidth": 40}, "put the right one there"),
    ],
)
def test_damaged_files_are_one_sentence(values: dict[str, Any], reason: str, root: Path) -> None:
    (root.parent / "secret.png").write_bytes(b"x")
    with pytest.raises(DataError, match=reason):
        imported(root, **values)


def test_huge_numbers(root: Path) -> None:
    record = imported(root, shape("polygon", [[-1e300, -1e300], [1e300, -1e300], [0, 1e300]]), shape("circle", [[0, 0], [1e300, 0]]))
    assert all(layer.pixels().all() for layer in record.layers)
