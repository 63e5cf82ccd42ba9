"""LabelMe: masks as its newer versions write them, and polygons that every version fills to the pixel."""

import base64
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from refseg.annotation.exporters import export_to
from refseg.annotation.importers import import_from
from refseg.annotation.project import Project
from tests.annotation.exporters.shapes import SHAPE, masks


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def shape_to_mask(shape: dict[str, Any]) -> np.ndarray:
    """As LabelMe fills a shape, restated: a mask is pasted at its first point, a polygon is drawn with its outline by
    Pillow.
    """
    seen = np.zeros(SHAPE, bool)
    if shape["shape_type"] == "mask":
        (x1, y1), (x2, y2) = np.asarray(shape["points"]).astype(int)
        with Image.open(io.BytesIO(base64.b64decode(shape["mask"]))) as image:
            seen[y1 : y2 + 1, x1 : x2 + 1] = np.asarray(image).astype(bool)
        return seen
    canvas = Image.new("1", SHAPE[::-1])
    ImageDraw.Draw(canvas).polygon([tuple(point) for point in shape["points"]], outline=1, fill=1)
    return np.asarray(canvas)


@pytest.mark.parametrize("name", ["labelme", "labelme-polygons"])
def test_labelme_sees_every_mask(name: str, project: Project, tmp_path: Path) -> None:
    export_to(name, project, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"dog.png", "dog.json", "dog-2.png", "dog-2.json"}
    values = read(tmp_path / "out" / "dog.json")
    assert (values["imagePath"], values["imageData"], values["imageHeight"], values["imageWidth"]) == (
        "dog.png",
        None,
        40,
        60,
    )
    assert (values["split"], values["state"], values["absent"]) == ("train", "accepted", [["the elephant", "Dumbo"]])
    by_object: dict[str, np.ndarray] = {}
    for one in values["shapes"]:
        assert one["shape_type"] == ("mask" if name == "labelme" else "polygon") and len(one["points"]) >= 2
        first = one["description"].split("\n")[0]
        by_object[first] = by_object.get(first, np.zeros(SHAPE, bool)) | shape_to_mask(one)
    for number, mask in enumerate(masks()):
        np.testing.assert_array_equal(by_object[f"thing {number}"], mask)
    assert values["shapes"][0]["description"] == "thing 0\ngrößtes Ding, 0" and values["shapes"][0]["label"] == "object"


def test_pieces_of_an_object_are_one_group(project: Project, tmp_path: Path) -> None:
    export_to("labelme-polygons", project, tmp_path / "out")
    groups = {}
    for one in read(tmp_path / "out" / "dog.json")["shapes"]:
        groups.setdefault(one["description"].split("\n")[0], []).append(one["group_id"])
    assert groups["thing 0"] == [None] and groups["thing 3"] == [4, 4] and set(groups["thing 1"]) == {2}


def test_an_object_that_is_called_object(project: Project, tmp_path: Path) -> None:
    record = project.record("dog.png")
    project.save(
        replace(record, annotations=(replace(record.annotations[0], category="object"), record.annotations[2]))
    )
    export_to("labelme", project, tmp_path / "out")
    assert [(one["label"], one.get("unnamed")) for one in read(tmp_path / "out" / "dog.json")["shapes"]] == [
        ("object", None),
        ("object", True),
    ]


def test_expressions_of_several_lines_become_one(project: Project, tmp_path: Path) -> None:
    record = project.record("dog.png")
    project.save(replace(record, annotations=(replace(record.annotations[0], expressions=("two\nlines", "one line")),)))
    report = export_to("labelme", project, tmp_path / "out")
    again = Project.create(tmp_path / "again")
    import_from("labelme", tmp_path / "out", again)
    assert again.record("dog.png").annotations[0].expressions == ("two lines", "one line")
    assert report.altered["expression", "line breaks became spaces"].examples == ["dog.png: two lines"]
