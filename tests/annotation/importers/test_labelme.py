"""LabelMe and X-AnyLabeling: every shape, embedded images, names and encodings; one bad entry leaves the others."""

import base64
import json
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refseg.annotation.importers import detect_format, import_from
from refseg.annotation.importers.source import Source
from refseg.annotation.project import Project
from refseg.errors import DataError
from tests.annotation.importers.data_sets import (
    HEIGHT,
    MUG,
    WIDTH,
    Imported,
    area_mask,
    png_base64,
    read_data_set,
    write_image,
    write_text,
)

BOX = [[30, 20], [70, 40]]
CORNERS = [[30, 20], [70, 20], [70, 40], [30, 40]]


def shape(kind: str | None, points: Any, label: Any = "mug", **values: Any) -> dict[str, Any]:
    """A shape as LabelMe 5.5 and later write it."""
    return {
        "label": label,
        "points": points,
        "group_id": None,
        "description": "",
        "shape_type": kind,
        "flags": {},
        "mask": None,
        **values,
    }


def document(*shapes: Any, **values: Any) -> dict[str, Any]:
    known = {"version": "5.5.0", "flags": {}, "shapes": list(shapes), "imagePath": "a.jpg", "imageData": None}
    return {**known, "imageHeight": HEIGHT, "imageWidth": WIDTH, **values}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_image(tmp_path / "data" / "a.jpg")
    return tmp_path / "data"


def read(root: Path, *shapes: Any, **values: Any) -> Imported:
    write_text(root / "a.json", document(*shapes, **values))
    return read_data_set("labelme", root)


@pytest.mark.parametrize(
    "one",
    [
        shape("rectangle", BOX),
        shape("rectangle", BOX[::-1]),
        shape("rectangle", [[70, 20], [30, 40]]),
        shape("rectangle", CORNERS),
        shape("rectangle", CORNERS[::-1]),
        shape("rectangle", [CORNERS[0], CORNERS[2], CORNERS[1], CORNERS[3]]),
        shape("rectangle", [*CORNERS, CORNERS[0]]),
        shape("Rectangle", [["30", "20"], ["70.0", "40"]]),
        shape("rotation", CORNERS, direction=0.0),
        shape("oriented_rectangle", CORNERS),
        shape("quadrilateral", CORNERS),
        shape("polygon", CORNERS),
        shape(None, CORNERS),
        {"label": "mug", "points": CORNERS},
        shape("mask", [[30, 20], [69, 39]], mask=png_base64(np.ones((20, 40), np.uint8))),
        shape("mask", [[30, 20], [69, 39]], mask=png_base64(np.full((20, 40), 255, np.uint8))),
        shape("mask", [[30, 20], [69, 39]], mask=png_base64(np.ones((20, 40), bool))),
        shape("mask", [[30, 20], [69, 39]], mask="data:image/png;base64,\n" + png_base64(np.ones((20, 40), bool))),
        shape("mask", [[0, 0], [119, 79]], mask=png_base64(area_mask(MUG))),
        shape("mask", [[30, 20], [69, 39]], mask=png_base64(area_mask(MUG))),
    ],
)
def test_shapes_of_one_rectangle(one: dict[str, Any], root: Path) -> None:
    found = read(root, one)
    np.testing.assert_array_equal(found.annotations[0].decode_mask(), area_mask(MUG))
    assert found.record.state == "accepted" and not found.report.skipped


def test_circles_and_rotated_rectangles(root: Path) -> None:
    diamond = [[50, 20], [70, 40], [50, 60], [30, 40]]
    found = read(
        root,
        shape("circle", [[50, 40], [50, 60]]),
        *(
            shape("rectangle", [diamond[n] for n in order])
            for order in ("0123", "0213")
            for order in [list(map(int, order))]
        ),
    )
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    np.testing.assert_array_equal(found.annotations[0].decode_mask(), np.hypot(x - 50, y - 40) <= 20)
    for annotation in found.annotations[1:]:
        inside = np.abs(x - 50) + np.abs(y - 40)
        assert annotation.decode_mask()[inside < 19.9].all() and not annotation.decode_mask()[inside > 20.1].any()


BAD_SHAPES: list[tuple[Any, str]] = [
    (5, "that is not a JSON object"),
    (shape("point", [[40, 30]]), "of type point, which has no area"),
    (shape("points", [[40, 30], [41, 31]]), "of type points, which has no area"),
    (shape("line", BOX), "of type line, which has no area"),
    (shape("linestrip", CORNERS), "of type linestrip, which has no area"),
    (shape("cuboid", CORNERS * 2), "of type cuboid, which is not known"),
    (shape("polygon", [[0, 0], [5, 5]]), "with a polygon of fewer than three points"),
    (shape("polygon", [[0, 0], [5, 5], [9, 9]]), "without area"),
    (shape("polygon", [[0, 0], [5, 5], [9]]), "with points that are not pairs of numbers"),
    (shape("polygon", [[0, 0], [float("nan"), 5], [9, 0]]), "with points that are not pairs of numbers"),
    (shape("polygon", "text"), "with points that are not pairs of numbers"),
    ({"label": "mug"}, "with points that are not pairs of numbers"),
    (shape("polygon", [[-30, 0], [-5, 5], [-9, 9]]), "outside the image"),
    (shape("rectangle", [[30, 20]]), "with a rectangle of 1 point"),
    (shape("rectangle", [[30, 20], [30, 40]]), "without area"),
    (shape("circle", [[30, 20]]), "with a circle of 1 point"),
    (shape("circle", [[30, 20], [30, 20]]), "without area"),
    (shape("mask", BOX), "with a mask that is not base64"),
    (shape("mask", BOX, mask="é"), "with a mask that is not base64"),
    (shape("mask", BOX, mask=base64.b64encode(b"text").decode()), "with a mask that is not an image that can be read"),
    (shape("mask", BOX, mask=png_base64(np.ones((2, 2), bool))), "with a mask of another size than its box"),
    (shape("mask", [[30, 20], [69, 39]], mask=png_base64(np.zeros((20, 40), np.uint8))), "with a mask that is empty"),
    (shape("mask", [[-50, 20], [-11, 39]], mask=png_base64(np.ones((20, 40), np.uint8))), "outside the image"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD_SHAPES)
def test_one_bad_shape_is_counted_and_the_rest_imported(bad: Any, reason: str, root: Path) -> None:
    found = read(root, bad, shape("polygon", CORNERS))
    assert found.areas == [("mug", 800)]
    assert found.skipped() == {f"object {reason}": 1}
    assert found.record.state == "new", "something of the image is missing, so a person should look at it"
    assert found.report.summary()[0] == f"imported 1 object in 1 image; 1 skipped: 1 {reason}"


def test_what_has_no_place_in_a_project_is_counted(root: Path) -> None:
    """The keys of X-AnyLabeling 2 and 3."""
    keys = {
        "score": 0.5,
        "difficult": True,
        "attributes": {"color": "red"},
        "kie_linking": [[0, 1]],
        "flags": {"occluded": True},
    }
    plain = {"score": None, "difficult": False, "attributes": {}, "kie_linking": [], "flags": {"occluded": False}}
    found = read(
        root,
        shape("rectangle", CORNERS, **keys),
        shape("rectangle", CORNERS, **plain),
        flags={"ok": True},
        description="a kitchen",
        checked=True,
    )
    assert found.altered() == {
        f"object without its {key}": 1 for key in ("flags", "attributes", "difficult", "kie_linking")
    } | {f"image without its {key}": 1 for key in ("flags", "description")}
    assert found.report.objects == 2


def test_groups_and_expressions(root: Path) -> None:
    found = read(
        root,
        shape("rectangle", [[0, 0], [10, 10]], group_id=1, description="the left one\nthe big one"),
        shape("rectangle", [[30, 0], [40, 10]], description=" another \r\n"),
        shape("rectangle", [[20, 0], [30, 10]], group_id=1, description="the big one\n\nthe old one"),
        shape("rectangle", [[0, 0], [10, 10]], label="other", group_id=1),
        shape("mask", [[50, 0], [59, 9]], group_id=2, mask=png_base64(np.ones((10, 10), bool))),
        shape("rectangle", [[60, 0], [70, 10]], group_id=2, description=["a", "list"]),
        shape("rectangle", CORNERS, label=7, description=8),
        shape("rectangle", CORNERS, label=None),
    )
    assert found.areas == [("mug", 200), ("mug", 100), ("other", 100), ("mug", 200), ("7", 800), ("", 800)]
    assert [annotation.expressions for annotation in found.annotations] == [
        ("the left one", "the big one", "the old one"),
        ("another",),
        (),
        (),
        ("8",),
        (),
    ]
    assert found.altered() == {"shape joined with another of its label and group": 2}
    assert found.skipped() == {"expression that is not text": 1}


def test_the_category_object_is_a_name_unless_the_file_says_otherwise(root: Path) -> None:
    found = read(root, shape("rectangle", BOX, label="object"), shape("rectangle", BOX, label="object", unnamed=True))
    assert [annotation.category for annotation in found.annotations] == ["object", ""]


def test_our_own_keys(root: Path) -> None:
    found = read(
        root,
        shape("rectangle", BOX),
        split="val",
        clip="video",
        frame=3,
        state="corrected",
        absent=[["the cat"], 5, []],
    )
    record = found.record
    assert (record.split, record.clip, record.frame, record.state) == ("val", "video", 3, "corrected")
    assert [annotation.expressions for annotation in record.annotations if annotation.no_target] == [("the cat",)]
    assert found.skipped() == {
        "no-target entry that is not a list of texts": 1,
        "no-target entry without an expression": 1,
    }


@pytest.mark.parametrize(
    ("stated", "state"),
    [
        ((HEIGHT, WIDTH), "accepted"),
        ((None, None), "accepted"),
        ((80.0, "120"), "accepted"),
        ((0, 0), "accepted"),
        ((160, 240), "accepted"),
    ],
)
def test_sizes_that_fit(stated: tuple[Any, Any], state: str, root: Path) -> None:
    factor = 2 if stated == (160, 240) else 1
    points = (np.array(BOX) * factor).tolist()
    found = read(root, shape("rectangle", points), imageHeight=stated[0], imageWidth=stated[1])
    np.testing.assert_array_equal(found.annotations[0].decode_mask(), area_mask(MUG))
    assert ("image masks scaled to the size of the image" in found.altered()) == (factor == 2)


def test_a_size_of_another_shape_refuses_the_image_only(root: Path) -> None:
    write_image(root / "b.jpg")
    write_text(
        root / "b.json", document(shape("rectangle", BOX), imagePath="b.jpg", imageHeight=WIDTH, imageWidth=HEIGHT)
    )
    found = read(root, shape("rectangle", BOX))
    assert list(found.records) == ["a.jpg"] and found.skipped() == {"image of another shape than its annotations": 1}


@pytest.mark.parametrize(
    "stated",
    ["a.jpg", "..\\somewhere\\a.jpg", "../a.jpg", "/home/bob/a.jpg", "C:\\data\\A.JPG", "gone.jpg", None, "", 5],
)
def test_where_the_image_is(stated: Any, root: Path) -> None:
    assert read(root, shape("rectangle", BOX), imagePath=stated).areas == [("mug", 800)]


def test_images_in_another_folder(root: Path) -> None:
    (root / "images").mkdir()
    shutil.move(root / "a.jpg", root / "images" / "a.jpg")
    write_text(root / "labels" / "a.json", document(shape("rectangle", BOX), imagePath="..\\images\\a.jpg"))
    found = read_data_set("labelme", root)
    assert found.record.original_name == "images/a.jpg" and found.areas == [("mug", 800)]


@pytest.mark.parametrize(
    ("stated", "name"),
    [("photo 1.jpg", "photo 1.jpg"), ("C:\\x\\photo.JPEG", "photo.JPEG"), ("photo.png", "photo.jpg"), (None, "a.jpg")],
)
def test_embedded_images(stated: Any, name: str, root: Path) -> None:
    data = base64.b64encode((root / "a.jpg").read_bytes()).decode()
    (root / "a.jpg").unlink()
    found = read(root, shape("rectangle", BOX), imagePath=stated, imageData=data)
    assert list(found.records) == [name] and found.areas == [("mug", 800)]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, "that is not in the data set"),
        ("!", "that is not in the data set and is embedded in the JSON, but not as base64"),
        ("AAAA", "that is not in the data set and is embedded in the JSON, but cannot be read"),
    ],
)
def test_images_that_are_nowhere(data: Any, reason: str, root: Path) -> None:
    write_text(root / "b.json", document(shape("rectangle", BOX), imagePath="b.jpg", imageData=data))
    found = read(root, shape("rectangle", BOX))
    assert found.areas == [("mug", 800)] and found.skipped() == {f"image {reason}": 1}


def test_an_embedded_image_beside_a_file(root: Path) -> None:
    """The file is used unless only the embedded image has the size that the JSON states."""
    data = base64.b64encode((root / "a.jpg").read_bytes()).decode()
    assert read(root, shape("rectangle", BOX), imageData=data).altered() == {}
    shutil.rmtree(root.parent / "project of data")
    write_image(root / "a.jpg", 50, 50)
    found = read(root, shape("rectangle", BOX), imageData=data)
    assert (found.record.height, found.areas) == (HEIGHT, [("mug", 800)])
    assert found.altered() == {"image embedded one used because the file has another size than the JSON says": 1}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gbk"])
def test_encodings(encoding: str, root: Path) -> None:
    write_image(root / "杯子.jpg")
    text = json.dumps(
        document(shape("rectangle", BOX, "杯子", description="左边的杯子"), imagePath="杯子.jpg"), ensure_ascii=False
    )
    (root / "a.jpg").unlink()
    write_text(root / "a.json", text.encode(encoding))
    found = read_data_set(None, root)
    assert (
        list(found.records) == ["杯子.jpg"]
        and found.areas == [("杯子", 800)]
        and found.annotations[0].expressions == ("左边的杯子",)
    )
    assert found.altered() == ({"file read as GBK because it is not UTF-8": 1} if encoding == "gbk" else {})


@pytest.mark.parametrize("name", ["чашка.jpg", "鍋 1.jpg", "café.jpg", "كوب.jpg", "a b (1).jpg"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_of_any_script(name: str, form: str, root: Path) -> None:
    shutil.move(root / "a.jpg", root / unicodedata.normalize(form, name))
    found = read(
        root, shape("rectangle", BOX), imagePath=unicodedata.normalize("NFC" if form == "NFD" else "NFD", name)
    )
    assert [unicodedata.normalize("NFC", known) for known in found.records] == [name]


def test_litter_other_files_and_images_without_a_json(root: Path) -> None:
    write_text(root / "__MACOSX" / "._a.json", b"\0\5\26\7")
    write_text(root / "._a.json", b"\0\5\26\7")
    write_text(root / ".DS_Store", b"\0")
    write_text(root / "broken.json", "{")
    write_text(root / "list.json", [1])
    write_text(root / "coco.json", {"images": [], "annotations": []})
    write_text(root / "shapes.json", {"shapes": 5, "imagePath": "b.jpg"})
    write_image(root / "b.jpg")
    write_image(root / "c.png")
    found = read(root, shape("rectangle", BOX))
    assert {name: record.state for name, record in found.records.items()} == {
        "a.jpg": "accepted",
        "b.jpg": "new",
        "c.png": "new",
    }
    assert found.skipped() == {
        "file that is not valid JSON": 1,
        "file that is not a JSON of LabelMe": 2,
        "object in shapes that are not a list": 1,
    }


def test_what_is_not_labelme_is_refused(root: Path, tmp_path: Path) -> None:
    write_text(root / "list.json", [1])
    with pytest.raises(DataError, match="no JSON file of LabelMe"):
        import_from("labelme", root, Project.create(tmp_path / "p"))


def test_detection(root: Path) -> None:
    write_text(root / "a.json", document(shape("rectangle", BOX)))
    write_text(root / "0.json", "{")
    assert detect_format(Source(root)) == "labelme"


finite = st.floats(-300, 300, allow_nan=False)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(finite, finite), min_size=2, max_size=2))
def test_rectangles_of_two_and_four_corners_agree(
    tmp_path_factory: pytest.TempPathFactory, points: list[tuple[float, float]]
) -> None:
    (x0, y0), (x1, y1) = points
    root = tmp_path_factory.mktemp("labelme") / "data"
    write_image(root / "a.jpg")
    four = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
    write_text(root / "a.json", document(shape("rectangle", points), shape("rectangle", four), shape("rotation", four)))
    found = read_data_set("labelme", root)
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5

    def inside(margin: float) -> np.ndarray:
        """Pixels whose centers are inside by more than a margin; polygons are filled as pycocotools does, which rounds
        corners to 0.2 pixels.
        """
        return (
            (min(x0, x1) + margin < x)
            & (x < max(x0, x1) - margin)
            & (min(y0, y1) + margin < y)
            & (y < max(y0, y1) - margin)
        )

    masks = [annotation.decode_mask() for annotation in found.annotations]
    assert len(masks) == 3 - found.report.skipped_count and len(masks) in (0, 3)
    assert masks or not inside(0.3).any()
    for mask in masks:
        np.testing.assert_array_equal(mask, masks[0])
        assert mask[inside(0.3)].all() and not mask[~inside(-0.3)].any()


@settings(max_examples=40, deadline=None)
@given(finite, finite, st.floats(0, 200))
def test_circles(tmp_path_factory: pytest.TempPathFactory, x: float, y: float, radius: float) -> None:
    root = tmp_path_factory.mktemp("labelme") / "data"
    write_image(root / "a.jpg")
    write_text(root / "a.json", document(shape("circle", [[x, y], [x + radius, y]])))
    found = read_data_set("labelme", root)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    distance = np.hypot(columns - x, rows - y)
    mask = found.annotations[0].decode_mask() if found.annotations else np.zeros((HEIGHT, WIDTH), bool)
    assert mask[distance < radius - 1e-6].all() and not mask[distance > radius + 1e-6].any()
