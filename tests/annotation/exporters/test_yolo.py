"""YOLO labels as Ultralytics reads them, and as other tools write them."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from refseg.annotation.exporters import export_to
from refseg.annotation.importers import import_from
from refseg.annotation.records import Layer
from refseg.annotation.store import Project
from refseg.data.masks import encode_rle
from refseg.errors import DataError
from tests.annotation.exporters.shapes import masks
from tests.annotation.test_polygons import ellipses


def written(root: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def lines_of(path: Path) -> list[tuple[int, np.ndarray]]:
    """Class and ring, as shares, of each line."""
    rows = [line.split() for line in path.read_text().splitlines()]
    return [(int(row[0]), np.array(row[1:], float).reshape(-1, 2)) for row in rows]


def test_the_layout(project: Project, tmp_path: Path) -> None:
    export_to("yolo", project, tmp_path / "out")
    out = tmp_path / "out"
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert files == {
        "data.yaml",
        "expressions.json",
        "images/train/dog.png",
        "labels/train/dog.txt",
        "images/val/dog-2.png",
        "labels/val/dog-2.txt",
    }
    assert yaml.safe_load((out / "data.yaml").read_text()) == {
        "train": "images/train",
        "val": "images/val",
        "names": {0: "object", 1: "hound"},
    }
    for (number, ring), mask in zip(lines_of(out / "labels/train/dog.txt"), masks(), strict=True):
        assert (ring >= 0).all() and (ring <= 1).all() and number in (0, 1)
        canvas = np.zeros(mask.shape, np.uint8)
        cv2.fillPoly(canvas, [(ring * (60, 40)).astype(np.int32)], 1)  # as Ultralytics does
        assert not (mask & (canvas == 0)).any()


@pytest.mark.parametrize("seed", range(10))
def test_what_ultralytics_sees(seed: int, tmp_path: Path) -> None:
    """At the picture's size a thing with a hole is seen to the pixel."""
    mask = ellipses(seed)
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    mask = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros(mask.shape, np.uint8))
    project = Project.create(tmp_path / "project")
    project.save(project.add_picture(tmp_path / "a.png").with_layer(Layer("1", mask=encode_rle(mask))))
    export_to("yolo", project, tmp_path / "out")
    [(_, ring)] = lines_of(tmp_path / "out" / "labels" / "a.txt")
    canvas = np.zeros(mask.shape, np.uint8)
    cv2.fillPoly(canvas, [(ring * mask.shape[::-1]).astype(np.int32)], 1)
    np.testing.assert_array_equal(canvas > 0, mask)


def test_without_splits_there_are_no_folders_of_them(project: Project, tmp_path: Path) -> None:
    for entry in project.entries:
        project.save(replace(project.record(entry.name), split=""))
    export_to("yolo", project, tmp_path / "out")
    assert yaml.safe_load((tmp_path / "out" / "data.yaml").read_text())["val"] == "images"
    assert (tmp_path / "out" / "labels" / "dog.txt").is_file()
    again = Project.create(tmp_path / "again")
    assert import_from("yolo", tmp_path / "out", again).objects == 10
    assert {again.record(entry.name).split for entry in again.entries} == {""}


@pytest.mark.parametrize("split", ["testA", "names", "größer", "yes", "a/b"])
def test_splits_of_any_name(split: str, project: Project, tmp_path: Path) -> None:
    for entry in project.entries:
        project.save(replace(project.record(entry.name), split=split))
    export_to("yolo", project, tmp_path / "out")
    again = Project.create(tmp_path / "again")
    assert import_from("yolo", tmp_path / "out", again).objects == 10
    kept = {"names": "names_", "a/b": "a_b"}.get(split, split)
    assert {again.record(entry.name).split for entry in again.entries} == {kept}


@pytest.mark.parametrize("name", ["Hündin", "a: b # c", "'\"", "- x", "null", "1.0", "😀", "a\u2028b\x7f", "line\nbreak", " x "])
def test_classes_of_any_name(name: str, project: Project, tmp_path: Path) -> None:
    record = project.record("dog.png")
    project.save(replace(record, layers=(replace(record.layers[0], category=name, expressions=(name,)),)))
    export_to("yolo", project, tmp_path / "out")
    again = Project.create(tmp_path / "again")
    import_from("yolo", tmp_path / "out", again)
    layer = again.record("dog.png").layers[0]
    assert (layer.category, layer.expressions) == (name, (name,))


BOX = "0 0.5 0.5 0.25 0.5\n"


@pytest.mark.parametrize(
    ("files", "splits"),
    [
        # Roboflow: paths from a folder that is not there
        (
            {
                "data.yaml": "train: ../train/images\nval: ../valid/images\nnc: 1\nnames: ['dog']",
                "valid/images/a.png": "",
                "valid/labels/a.txt": BOX,
            },
            {"val"},
        ),
        # Ultralytics' own examples: a root elsewhere, several folders, names with a comment
        (
            {
                "coco8.yaml": "path: ../datasets/coco8 # root\ntrain: [images/a, images/b]\nval:\ntest: # none\nnames:\n  0: dog\n",
                "images/b/x/a.png": "",
                "labels/b/x/a.txt": BOX,
            },
            {"train"},
        ),
        # a root that is there, on Windows, and a byte order mark
        (
            {
                "data.yaml": '\ufeffpath: "C:\\\\data\\\\set"\ntrain: images\nnames: [dog]',
                "data/set/images/a.png": "",
                "data/set/labels/a.txt": BOX,
            },
            set(),
        ),
        # a list of pictures
        (
            {"data.yaml": "train: train.txt\nnames: [dog]", "train.txt": "./images/a.png\n", "images/a.png": "", "labels/a.txt": BOX},
            {"train"},
        ),
    ],
)
def test_what_other_tools_write(files: dict[str, Any], splits: set[str], tmp_path: Path, photos: list[Path]) -> None:
    files = {name: photos[0].read_bytes() if name.endswith(".png") else content for name, content in files.items()}
    root = written(tmp_path / "data", files)
    again = Project.create(tmp_path / "again")
    if not splits:
        with pytest.raises(DataError, match="names no pictures"):  # C: is the name of no folder here
            import_from("yolo", root, again)
        return
    assert import_from("yolo", root, again).objects == 1
    record = again.record("a.png")
    box = np.zeros((40, 60), bool)
    box[10:30, 23:38] = True
    assert record.split in splits and record.layers[0].category == "dog"
    assert (record.layers[0].pixels() ^ box).sum() <= 2 * 20  # the box ends in the middle of pixels


def test_pictures_without_labels_are_new(project: Project, tmp_path: Path) -> None:
    export_to("yolo", project, tmp_path / "out")
    (tmp_path / "out" / "expressions.json").unlink()
    (tmp_path / "out" / "labels/train/dog.txt").unlink()
    again = Project.create(tmp_path / "again")
    assert import_from("yolo", tmp_path / "out", again).objects == 5
    assert [entry.state for entry in again.entries] == ["new", "accepted"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("labels/train/dog.txt", "0 0.1 0.1 0.2", "has 3 numbers"),
        ("labels/train/dog.txt", "0 0.1 0.1 0.2 0.2 0.3", "has 5 numbers"),
        ("labels/train/dog.txt", "0 0.1 0.1 0.2 nan 0.3 0.3", "has 6 numbers"),
        ("labels/train/dog.txt", "0 0.1 0.1 0.2 x 0.3 0.3", "expected numbers"),
        ("labels/train/dog.txt", "7 0.1 0.1 0.2 0.2 0.3 0.3", "class '7'"),
        ("labels/train/dog.txt", "-1 0.1 0.1 0.2 0.2 0.3 0.3", "class '-1'"),
        ("labels/train/dog.txt", b"\xff\xfe", "UTF-8"),
        ("data.yaml", "[", "not valid YAML"),
        ("data.yaml", "train: images\na: &a [x]\nnames: *a", "refers to its own parts"),
        ("data.yaml", "[" * 5000, "not valid YAML"),
        ("data.yaml", "- 5", "not what was expected"),
        ("data.yaml", "train: images/train", "has names"),
        ("data.yaml", "train: images/train\nnames: [[a]]", "has names"),
        ("data.yaml", "train: images/train\nnames: {a: b}", "has names"),
        ("data.yaml", "train: !!python/object/apply:os.getcwd []\nnames: [a]", "not valid YAML"),
        ("data.yaml", "train: /etc\nnames: [a]", "names no pictures"),
        ("data.yaml", "train: ../..\nnames: [a]", "names no pictures"),
        ("data.yaml", 'train: "\\0"\nnames: [a]', "names no pictures"),
        ("data.yaml", f"train: {'x' * 5000}\nnames: [a]", "names no pictures"),
        ("data.yaml", "train: list.txt\nnames: [a]", "put it there"),
        ("expressions.json", "{}", "a list of pictures"),
        ("expressions.json", '[{"image": "images/train/dog.png", "objects": [["one"]]}]', "1 objects"),
        ("expressions.json", '[{"image": "images/train/dog.png", "objects": [5]}]', "list of texts"),
        ("expressions.json", '[{"image": "images/train/dog.png", "objects": 5}]', "a list of pictures"),
    ],
)
def test_damaged_files_are_one_sentence(name: str, content: str | bytes, reason: str, project: Project, tmp_path: Path) -> None:
    export_to("yolo", project, tmp_path / "out")
    if name != "expressions.json":
        (tmp_path / "out" / "expressions.json").unlink()
    written(tmp_path / "out", {name: content, "list.txt": "images/none.png"})
    with pytest.raises(DataError, match=reason):
        import_from("yolo", tmp_path / "out", Project.create(tmp_path / "again"))


def test_links_that_lead_out(project: Project, tmp_path: Path) -> None:
    export_to("yolo", project, tmp_path / "out")
    shutil.move(tmp_path / "out" / "images" / "train", tmp_path / "elsewhere")
    (tmp_path / "out" / "images" / "train").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    again = Project.create(tmp_path / "again")
    import_from("yolo", tmp_path / "out", again)
    assert [entry.name for entry in again.entries] == ["dog-2.png"]
    (tmp_path / "out" / "images" / "val" / "link.png").symlink_to(tmp_path / "elsewhere" / "dog.png")
    with pytest.raises(DataError, match="expected a file inside"):
        import_from("yolo", tmp_path / "out", Project.create(tmp_path / "third"))


def test_the_sentences(project: Project, tmp_path: Path) -> None:
    export_to("yolo", project, tmp_path / "out")
    rows = json.loads((tmp_path / "out" / "expressions.json").read_text(encoding="utf-8"))
    assert rows[0]["image"] == "images/train/dog.png" and rows[0]["absent"] == [["the elephant", "Dumbo"]]
    assert rows[0]["objects"] == [[f"thing {n}", f"größtes Ding, {n}"] for n in range(5)]
