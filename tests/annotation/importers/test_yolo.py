"""YOLO: the layouts of the tools, and what may stand in a line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refseg.annotation.importers import detect_format, import_from
from refseg.annotation.importers.source import Source
from refseg.annotation.importers.yolo.lines import parse_line, pose_shape
from refseg.annotation.project import Project
from refseg.data.masks import polygons_to_mask
from refseg.errors import DataError
from tests.annotation.importers.data_sets import (
    HEIGHT,
    MUG,
    SPOON,
    WIDTH,
    Imported,
    area_mask,
    read_data_set,
    write_image,
    write_text,
)

MUG_BOX = "0.4166667 0.375 0.3333333 0.25"
MUG_POLYGON = "0.25 0.25 0.5833333 0.25 0.5833333 0.5 0.25 0.5"
SPOON_BOX = "0.7916667 0.75 0.25 0.25"
BOXES = f"0 {MUG_BOX}\n1 {SPOON_BOX}\n"


def write(root: Path, files: dict[str, Any]) -> Path:
    """Images have a size as content, or nothing."""
    for name, content in files.items():
        if content is None:
            write_image(root / name)
        else:
            write_text(root / name, content)
    return root


LAYOUTS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "ultralytics": (
        {
            "data.yaml": (
                "path: ../datasets/kitchen # root\ntrain: images/train\nval: images/val\ntest: # optional\nnames:\n  0:"
                " mug\n  1: spoon\n"
            ),
            "images/train/a.jpg": None,
            "labels/train/a.txt": BOXES,
            "images/val/b.jpg": None,
            "labels/val/b.txt": BOXES,
        },
        {"a.jpg": "train", "b.jpg": "val"},
    ),
    "roboflow": (
        {
            "data.yaml": (
                "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 2\nnames: ['mug',"
                " 'spoon']\n\nroboflow:\n  workspace: w\n  project: p\n  version: 1\n  license: CC BY 4.0\n  url:"
                " https://universe.roboflow.com/w/p/dataset/1"
            ),
            "README.dataset.txt": "# kitchen > 2024\nhttps://universe.roboflow.com",
            "README.roboflow.txt": "\nkitchen - v1\n==============================\n",
            "train/images/a_jpg.rf.0123.jpg": None,
            "train/labels/a_jpg.rf.0123.txt": BOXES,
            "valid/images/b_jpg.rf.4567.jpg": None,
            "valid/labels/b_jpg.rf.4567.txt": BOXES,
        },
        {"a_jpg.rf.0123.jpg": "train", "b_jpg.rf.4567.jpg": "val"},
    ),
    "roboflow without a yaml": (
        {
            "train/a.jpg": None,
            "train/a.txt": BOXES,
            "train/_darknet.labels": "mug\nspoon\n",
            "valid/b.jpg": None,
            "valid/b.txt": BOXES,
            "valid/_darknet.labels": "mug\nspoon\n",
        },
        {"a.jpg": "train", "b.jpg": "val"},
    ),
    "cvat 1.1": (
        {
            "obj.data": "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\nbackup = backup/\n",
            "obj.names": "mug\nspoon\n",
            "train.txt": "data/obj_train_data/a.jpg\ndata/obj_train_data/sub/b.jpg\n",
            "obj_train_data/a.jpg": None,
            "obj_train_data/a.txt": BOXES,
            "obj_train_data/sub/b.jpg": None,
            "obj_train_data/sub/b.txt": BOXES,
        },
        {"a.jpg": "train", "b.jpg": "train"},
    ),
    "cvat ultralytics": (
        {
            "data.yaml": "names:\n  0: mug\n  1: spoon\npath: .\ntrain: train.txt\nval: val.txt\n",
            "train.txt": "data/images/train/a.jpg\n",
            "val.txt": "data/images/val/b.jpg\n",
            "images/train/a.jpg": None,
            "labels/train/a.txt": BOXES,
            "images/val/b.jpg": None,
            "labels/val/b.txt": BOXES,
        },
        {"a.jpg": "train", "b.jpg": "val"},
    ),
    "datumaro": (
        {
            "obj.data": (
                "classes = 2\nval = data/val.txt\ntrain = data/train.txt\nnames = data/obj.names\nbackup = backup/\n"
            ),
            "obj.names": "mug\nspoon\n",
            "train.txt": "data/obj_train_data/a.jpg\n",
            "val.txt": "data/obj_val_data/cam/b.jpg\n",
            "obj_train_data/a.jpg": None,
            "obj_train_data/a.txt": BOXES,
            "obj_val_data/cam/b.jpg": None,
            "obj_val_data/cam/b.txt": BOXES,
        },
        {"a.jpg": "train", "b.jpg": "val"},
    ),
    "label studio": (
        {
            "classes.txt": "mug\nspoon\n",
            "notes.json": {
                "categories": [{"id": 0, "name": "mug"}, {"id": 1, "name": "spoon"}],
                "info": {"contributor": "Label Studio"},
            },
            "images/0a1b2c3d-a.jpg": None,
            "labels/0a1b2c3d-a.txt": BOXES,
            "images/4e5f6a7b-b.jpg": None,
            "labels/1/4e5f6a7b-b.txt": BOXES,
        },
        {"0a1b2c3d-a.jpg": "", "4e5f6a7b-b.jpg": ""},
    ),
    "notes.json only": (
        {
            "notes.json": {"categories": [{"id": 0, "name": "mug"}, {"id": 1, "name": "spoon"}]},
            "images/a.jpg": None,
            "labels/a.txt": BOXES,
            "images/b.jpg": None,
            "labels/b.txt": BOXES,
        },
        {"a.jpg": "", "b.jpg": ""},
    ),
    "supervision": (
        {
            "data.yaml": "nc: 2\nnames: [mug, spoon]\n",
            "images/a.jpg": None,
            "labels/a.txt": BOXES,
            "images/b c.jpg": None,
            "labels/b c.txt": BOXES,
        },
        {"a.jpg": "", "b c.jpg": ""},
    ),
    "labelimg": (
        {
            "classes.txt": "mug\r\nspoon\r\n",
            "a.JPG": None,
            "a.txt": BOXES.replace("\n", "\r\n"),
            "кот.png": None,
            "кот.txt": BOXES,
        },
        {"a.JPG": "", "кот.png": ""},
    ),
    "windows": (
        {
            "data.yaml": (
                '\ufefftrain: C:\\Users\\me\\kitchen\\images\\train\nval: ["images\\\\val"]\nnames: {"0": mug, "1":'
                " spoon}\n"
            ),
            "kitchen.yaml": "lr0: 0.1\n",
            "images/train/a.bmp": None,
            "labels/train/a.txt": BOXES,
            "images/val/b.webp": None,
            "labels/val/b.txt": BOXES,
        },
        {"a.bmp": "train", "b.webp": "val"},
    ),
    "names as text": (
        {
            "data.yml": "names: \"['mug', 'spoon']\"\n",
            "images/a.jpg": None,
            "labels/a.txt": BOXES,
            "images/b.jpg": None,
            "labels/b.txt": BOXES,
        },
        {"a.jpg": "", "b.jpg": ""},
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_of_tools(name: str, tmp_path: Path) -> None:
    files, splits = LAYOUTS[name]
    root = write(tmp_path / "data", files)
    assert detect_format(Source(root)) == "yolo"
    found = read_data_set("yolo", root)
    assert {known: record.split for known, record in found.records.items()} == splits
    for record in found.records.values():
        assert [(annotation.category, annotation.category_id) for annotation in record.annotations] == [
            ("mug", 0),
            ("spoon", 1),
        ]
        np.testing.assert_array_equal(record.annotations[0].decode_mask(), area_mask(MUG))
        np.testing.assert_array_equal(record.annotations[1].decode_mask(), area_mask(SPOON))
        assert record.original_name in files and record.state == "new", (
            "boxes are no masks: a person should look at them"
        )
    assert found.report.skipped == {} and found.altered() == {"object without a mask, its box was filled": 4}


def test_a_folder_around_the_data_set(tmp_path: Path) -> None:
    root = write(
        tmp_path / "data", {f"download/kitchen/{name}": content for name, content in LAYOUTS["ultralytics"][0].items()}
    )
    assert {record.split for record in read_data_set(None, root).records.values()} == {"train", "val"}


def read(tmp_path: Path, lines: str, yaml: str = "names: [mug, spoon]\n", **files: Any) -> Imported:
    return read_data_set(
        "yolo", write(tmp_path / "data", {"data.yaml": yaml, "images/a.jpg": None, "labels/a.txt": lines, **files})
    )


@pytest.mark.parametrize(
    ("line", "notes"),
    [
        (f"0 {MUG_POLYGON}", []),
        (f"0.0 {MUG_POLYGON}", []),
        (f"  0\t{MUG_POLYGON.replace(' ', chr(9))}  ", []),
        (f"0 {MUG_POLYGON} 0.25 0.25", []),
        (f"0 {MUG_POLYGON} 0.875", ["object without its confidence"]),
        (f"0 {MUG_POLYGON} 17", ["object without its track number"]),
        ("0 0.25 -0.004 0.5833333 0 0.5833333 0.5 0.25 0.5", []),
        ("0 0.25 -0.5 0.5833333 -0.5 0.5833333 0.5 0.25 0.5", ["object cut at the border of the image"]),
    ],
)
def test_polygons(line: str, notes: list[str], tmp_path: Path) -> None:
    found = read(tmp_path, line)
    mask = found.annotations[0].decode_mask()
    rows = MUG[0] if "-0" not in line else slice(0, 40)
    np.testing.assert_array_equal(mask, area_mask((rows, MUG[1])))
    assert list(found.altered()) == notes and found.record.state == "accepted"


@pytest.mark.parametrize(
    ("line", "note"),
    [
        (f"0 {MUG_BOX}", None),
        (f"0 {MUG_BOX} 0.93", "object without its confidence"),
        (f"0 {MUG_BOX} 1.0", "object without its confidence"),
        (f"0 {MUG_BOX} 12", "object without its track number"),
        (f"0 {MUG_BOX} 1", "object without its track number"),
        (f"0 {MUG_BOX} 0.5 12", "object without its confidence"),
    ],
)
def test_boxes_and_what_detectors_append(line: str, note: str | None, tmp_path: Path) -> None:
    found = read(tmp_path, line)
    np.testing.assert_array_equal(found.annotations[0].decode_mask(), area_mask(MUG))
    assert found.altered().pop("object without a mask, its box was filled") == 1
    assert note is None or note in found.altered()
    assert found.record.state == "new"


BAD_LINES = [
    ("0", "with 0 numbers after the class, expected a box or a polygon"),
    ("0 0.1 0.1 0.2", "with 3 numbers after the class, expected a box or a polygon"),
    ("0 0.1 0.1 nan 0.1", "with numbers that are not finite"),
    ("0 0.1 0.1 x 0.1", "with words that are not numbers"),
    ("0 0,1 0,1 0,2 0,1", "with words that are not numbers"),
    (f"-1 {MUG_BOX}", "with a class that is not a whole number"),
    (f"0.5 {MUG_BOX}", "with a class that is not a whole number"),
    (f"mug {MUG_BOX}", "with a class that is not a whole number"),
    ("0 50 30 40 20", "with coordinates that are not from 0 to 1"),
    ("0 30 20 70 20 70 40 30 40", "with coordinates that are not from 0 to 1"),
    ("0 0.5 0.5 -0.1 0.1", "with a box of negative size"),
    ("0 0.5 0.5 0 0", "without area"),
    ("0 0.5 0.5 0.5 0.5 0.5 0.5", "without area"),
    ("0 -0.5 0.5 0.1 0.1", "outside the image"),
]


@pytest.mark.parametrize(("line", "reason"), BAD_LINES)
def test_one_bad_line_is_counted_and_the_rest_imported(line: str, reason: str, tmp_path: Path) -> None:
    found = read(tmp_path, f"{line}\n\n0 {MUG_POLYGON}\n")
    assert found.areas == [("mug", 800)] and found.record.state == "new"
    assert found.skipped() == {f"object {reason}": 1}
    ((_, tally),) = found.report.skipped.items()
    assert tally.examples == ["labels/a.txt: line 1"]


def test_classes_without_a_name_keep_their_number(tmp_path: Path) -> None:
    found = read(tmp_path, f"7 {MUG_POLYGON}\n0 {MUG_POLYGON}")
    assert [(annotation.category, annotation.category_id) for annotation in found.annotations] == [("7", 7), ("mug", 0)]
    assert found.altered() == {"object of a class without a name, named by its number": 1}


@pytest.mark.parametrize(
    ("yaml", "name"),
    [
        ("names: [no, yes]", "no"),
        ("names: [1.0, 2]", "1.0"),
        ("names: {0: null}", "null"),
        ("names: ['a: b # c']", "a: b # c"),
        ("names:\n- {name: mug}", "mug"),
        ("names: !!python/object/apply:os.getcwd [mug]", "mug"),
        ("train: images\nnames: [чашка]", "чашка"),
    ],
)
def test_names_are_the_text_of_the_file(yaml: str, name: str, tmp_path: Path) -> None:
    assert read(tmp_path, f"0 {MUG_POLYGON}", yaml).annotations[0].category == name


@pytest.mark.parametrize(
    ("yaml", "reason"),
    [
        ("[", "file that is not valid YAML"),
        ("- 5", "file that is not a YAML mapping"),
        ("a: &a [x]\nnames: *a", "file that refers to its own parts"),
        ("[" * 30 + "]" * 30, "file that is nested more than 20 deep"),
        ("[" * 5000, "file that is nested more than 20 deep"),
        ("names: [[mug]]", "class name that is not a number with a name"),
        ("names: {mug: 0}", "class name that is not a number with a name"),
    ],
)
def test_a_bad_yaml_leaves_the_numbers(yaml: str, reason: str, tmp_path: Path) -> None:
    found = read(tmp_path, f"0 {MUG_POLYGON}", yaml)
    assert found.areas == [("0", 800)] and found.skipped() == {reason: 1}


POSE_3 = f"0 {MUG_BOX} 0.3 0.3 2 0.5 0.4 1 0 0 0"
POSE_2 = f"0 {MUG_BOX} 0.3 0.3 0.5 0.4 0.55 0.3 0.3 0.45"


@pytest.mark.parametrize(
    ("lines", "yaml"),
    [
        (POSE_3, "names: [mug]\nkpt_shape: [3, 3]"),
        (POSE_2, "names: [mug]\nkpt_shape: [4, 2]"),
        (f"{POSE_3} 0.75", "names: [mug]\nkpt_shape: [3, 3]"),
        (POSE_3, "names: [mug]\nkpt_shape:\n  - 3\n  - 3"),
        (POSE_3, "names: [mug]\nkpt_shape: broken"),
        (POSE_3, "names: [mug]"),
        (f"{POSE_2}\n{POSE_2}", "names: [mug]"),
        (f"0 {MUG_BOX} 0.9 0.9 2.000000 0.5 0.4 1.000000", "names: [mug]"),
    ],
)
def test_pose_labels_give_boxes(lines: str, yaml: str, tmp_path: Path) -> None:
    found = read(tmp_path, lines, yaml)
    for annotation in found.annotations:
        np.testing.assert_array_equal(annotation.decode_mask(), area_mask(MUG))
    count = len(lines.splitlines())
    assert found.altered() == {
        "data set of pose labels, from which the boxes are imported": 1,
        "object without its keypoints, the box is kept": count,
        "object without a mask, its box was filled": count,
    }


def test_poses_beside_boxes(tmp_path: Path) -> None:
    found = read(tmp_path, f"{POSE_3}\n0 {MUG_BOX}", "names: [mug]")
    assert [int(annotation.decode_mask().sum()) for annotation in found.annotations] == [800, 800]


def test_lines_that_do_not_fit_the_keypoints_are_counted(tmp_path: Path) -> None:
    found = read(tmp_path, f"{POSE_3}\n0 {MUG_BOX} 0.3 0.3 2\n0 {MUG_BOX}", "names: [mug]\nkpt_shape: [3, 3]")
    assert len(found.annotations) == 2
    assert found.skipped() == {"object with 7 numbers after the class, expected the 13 of a box and its keypoints": 1}


def test_polygons_and_oriented_boxes_are_not_taken_for_poses(tmp_path: Path) -> None:
    oriented = "0 0.4 0.2 0.6 0.4 0.5 0.5 0.3 0.3"
    assert pose_shape([line.split() for line in [oriented, f"0 {MUG_POLYGON}"]]) is None
    found = read(tmp_path, oriented)
    corners = np.array([[0.4, 0.2], [0.6, 0.4], [0.5, 0.5], [0.3, 0.3]]) * (WIDTH, HEIGHT)
    np.testing.assert_array_equal(
        found.annotations[0].decode_mask(), polygons_to_mask([corners.ravel().tolist()], HEIGHT, WIDTH)
    )


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.01, 0.49), st.floats(0.02, 0.48), st.integers(3, 12)), min_size=1, max_size=4),
    st.floats(0, 6),
)
def test_regular_polygons_are_never_taken_for_poses(shapes: list[tuple[float, float, int]], turn: float) -> None:
    lines = []
    for center, radius, count in shapes:
        angles = turn + np.arange(count) * 2 * np.pi / count
        points = np.stack([0.5 + center / 2 + radius * np.cos(angles), 0.5 + radius * np.sin(angles)], axis=1).round(6)
        lines.append(["0", *map(str, points.ravel().tolist())])
    assert pose_shape(lines) is None


def test_empty_missing_and_surplus_files(tmp_path: Path) -> None:
    files = {
        "data.yaml": "train: images\nnames: [mug]",
        "images/full.jpg": None,
        "images/empty.jpg": None,
        "images/unlabeled.jpg": None,
        "preview.png": None,
        "labels/full.txt": f"0 {MUG_POLYGON}",
        "labels/empty.txt": "",
        "labels/orphan.txt": f"0 {MUG_POLYGON}",
        "labels/.DS_Store": "x",
        "__MACOSX/labels/._full.txt": "x",
        "runs/results.txt": "epoch loss\n",
        "labels/train.cache": b"\0\1",
    }
    found = read_data_set("yolo", write(tmp_path / "data", files))
    assert {name: record.state for name, record in found.records.items()} == {
        "full.jpg": "accepted",
        "empty.jpg": "new",
        "unlabeled.jpg": "new",
    }
    assert found.skipped() == {
        "image without labels that is in no split of the data set": 1,
        "label file whose image is not in the data set": 1,
    }


def test_names_in_lists_that_are_not_there(tmp_path: Path) -> None:
    files = {
        "data.yaml": "train: train.txt\nnames: [mug]",
        "train.txt": "./images/a.jpg\n./images/gone.jpg\n../../etc/passwd\n",
        "images/a.jpg": None,
        "labels/a.txt": f"0 {MUG_POLYGON}",
    }
    found = read_data_set("yolo", write(tmp_path / "data", files))
    assert list(found.records) == ["a.jpg"] and found.skipped() == {"image that is not in the data set": 2}


def test_labels_in_another_encoding_or_broken(tmp_path: Path) -> None:
    found = read(tmp_path, f"\ufeff0 {MUG_POLYGON}\r\n")
    assert found.areas == [("mug", 800)]
    write(
        tmp_path / "more",
        {
            "images/a.jpg": None,
            "labels/a.txt": b"\xff\xfe\x00",
            "images/b.jpg": None,
            "labels/b.txt": f"0 {MUG_POLYGON}",
        },
    )
    more = read_data_set("yolo", tmp_path / "more")
    assert len(more.records) == 2 and more.report.skipped_count == 1


def test_several_pieces_in_one_line(tmp_path: Path) -> None:
    """Ultralytics joins pieces by a line there and back."""
    pieces = [[[10, 10], [20, 10], [20, 20], [10, 20]], [[50, 30], [60, 30], [60, 40], [50, 40]]]
    ring = [*pieces[0], pieces[0][0], *pieces[1], pieces[1][0], pieces[0][0]]
    line = " ".join(f"{x / WIDTH:.6f} {y / HEIGHT:.6f}" for x, y in ring)
    found = read(tmp_path, f"0 {line}")
    np.testing.assert_array_equal(
        found.annotations[0].decode_mask(), area_mask((slice(10, 20), slice(10, 20)), (slice(30, 40), slice(50, 60)))
    )


def test_our_own_expressions(tmp_path: Path) -> None:
    row = {
        "image": "images/a.jpg",
        "objects": [["the mug"], []],
        "absent": [["the cat"]],
        "unnamed": [1],
        "split": "val",
        "state": "accepted",
    }
    other = {"image": "images/b.jpg", "objects": [["one"]], "absent": [5]}
    files = {
        "images/b.jpg": None,
        "labels/b.txt": f"0 {MUG_POLYGON}\n1 {MUG_POLYGON}",
        "expressions.json": [row, other, 5, {"image": "gone.jpg"}],
    }
    found = read(tmp_path, f"0 {MUG_POLYGON}\n1 {MUG_POLYGON}", **files)
    a, b = found.records["a.jpg"], found.records["b.jpg"]
    assert [(annotation.category, annotation.expressions) for annotation in a.annotations] == [
        ("mug", ("the mug",)),
        ("", ()),
        ("", ("the cat",)),
    ]
    assert (a.split, a.state) == ("val", "accepted")
    assert [annotation.expressions for annotation in b.annotations] == [(), ()]
    assert found.skipped() == {
        "expression list that does not name an image with lists for its objects": 2,
        "expression list for another number of objects than its label file has": 1,
        "expression list that is not a list of texts": 1,
        "no-target entry without an expression": 1,
    }


def test_what_is_not_yolo_is_refused(tmp_path: Path) -> None:
    for number, files in enumerate(
        ({"a.jpg": None}, {"data.yaml": "names: [mug]"}, {"a.jpg": None, "notes.txt": "hello"})
    ):
        root = write(tmp_path / f"data{number}", files)
        with pytest.raises(DataError, match="not YOLO"):
            import_from("yolo", root, Project.create(tmp_path / f"p{number}"))
        with pytest.raises(DataError, match="not recognized"):
            detect_format(Source(root))


coordinate = st.floats(0, 1, allow_nan=False).map(lambda value: round(value, 6))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=12))
def test_polygons_are_filled_by_the_rule_of_coco(points: list[tuple[float, float]]) -> None:
    line = parse_line(["3", *(str(value) for point in points for value in point)])
    assert line.category == 3 and not line.is_box and not line.notes
    np.testing.assert_array_equal(line.points, points)


@settings(max_examples=100, deadline=None)
@given(coordinate, coordinate, coordinate, coordinate)
def test_boxes_have_the_pixels_whose_centers_they_hold(x: float, y: float, width: float, height: float) -> None:
    corners = parse_line(["0", *map(json.dumps, (x, y, width, height))]).points
    assert corners.min(axis=0) == pytest.approx([x - width / 2, y - height / 2], abs=1e-9)
    assert corners.max(axis=0) == pytest.approx([x + width / 2, y + height / 2], abs=1e-9)


@pytest.mark.parametrize(
    "line", ["nan 0.5 0.5 0.2 0.2", "mug 0.5 0.5 0.2 0.2", "0 nan 0.5 0.2 0.2", "# by hand", "1e400 0 0 0 0"]
)
def test_the_format_is_guessed_in_spite_of_a_bad_first_line(line: str, tmp_path: Path) -> None:
    root = write(tmp_path / "data", {"images/a.jpg": None, "labels/a.txt": f"{line}\n1 {SPOON_BOX}\n"})
    found = read_data_set(None, root)
    assert found.report.format == "yolo" and len(found.record.annotations) == 1 and found.report.skipped_count == 1


def test_the_format_is_guessed_without_objects(tmp_path: Path) -> None:
    files: dict[str, Any] = {"images/a.jpg": None, "labels/a.txt": ""}
    with pytest.raises(DataError, match="not recognized"):
        detect_format(Source(write(tmp_path / "nothing", files)))
    assert (
        detect_format(Source(write(tmp_path / "data", {**files, "data.yaml": "train: images\nnames: [mug]\n"})))
        == "yolo"
    )
    many = {
        name: content for n in range(30) for name, content in ((f"images/{n:02}.jpg", None), (f"labels/{n:02}.txt", ""))
    }
    assert detect_format(Source(write(tmp_path / "many", {**many, "labels/29.txt": BOXES}))) == "yolo"
