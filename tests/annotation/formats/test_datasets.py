"""A folder for the `datasets` library: its conventions, and what strangers may write.

The library is none of this project's; what is asserted is what its documentation says of ImageFolder and of the head of a card.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from pycocotools import mask as coco

from refseg.annotation.exporters import export_to
from refseg.annotation.importers import import_from
from refseg.annotation.store import Project
from refseg.errors import DataError
from tests.annotation.formats.shapes import masks


def rows_of(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def head_of(path: Path) -> Any:
    start, head, _ = path.read_text(encoding="utf-8").split("---\n", 2)
    assert start == ""
    return yaml.safe_load(head)


def test_the_layout(project: Project, tmp_path: Path) -> None:
    assert export_to("datasets", project, tmp_path / "out").objects == 10
    out = tmp_path / "out"
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    rows = {f"data/{split}/metadata.jsonl" for split in ("train", "val")}
    assert files == {"README.md", *rows, "data/train/dog.png", "data/val/dog-2.png"}
    [row] = rows_of(out / "data/train/metadata.jsonl")
    assert (row["file_name"], row["width"], row["height"]) == ("dog.png", 60, 40)
    assert row["absent"] == [["the elephant", "Dumbo"]]
    objects = row["objects"]
    assert {name: len(column) for name, column in objects.items()} == dict.fromkeys(("expressions", "category", "bbox", "segmentation"), 5)
    assert objects["category"] == ["object", "hound", "object", "hound", "object"] and objects["bbox"][0] == [0, 11, 20, 19]
    for rle, mask in zip(objects["segmentation"], masks(), strict=True):
        np.testing.assert_array_equal(coco.decode(rle) > 0, mask)
    head = head_of(out / "README.md")
    assert head["pretty_name"] == "ours" and head["task_categories"] == ["image-segmentation"] and head["size_categories"] == ["n<1K"]
    [config] = head["configs"]
    assert config["data_files"] == [{"split": split, "path": f"data/{split}/**"} for split in ("train", "val")]


@pytest.mark.parametrize("name", ["---\nx: y", "<script>alert(1)</script>", "[a](javascript:b)", "größer 😀 'x\": #"])
def test_names_do_not_leave_their_place_in_the_card(name: str, tmp_path: Path, photos: list[Path]) -> None:
    project = Project.create(tmp_path / "project", name)
    project.add_picture(photos[0])
    export_to("datasets", project, tmp_path / "out")
    assert head_of(tmp_path / "out" / "README.md")["pretty_name"] == " ".join(name.split())
    body = (tmp_path / "out" / "README.md").read_text(encoding="utf-8").rpartition("---\n\n# ")[2]
    assert "<script" not in body and "](java" not in body


def test_splits_are_names_that_the_library_takes(project: Project, tmp_path: Path) -> None:
    project.save(replace(project.record("dog.png"), split="test-A/größe"))
    project.save(replace(project.record("dog-2.png"), split=""))
    export_to("datasets", project, tmp_path / "out")
    again = Project.create(tmp_path / "again")
    import_from("datasets", tmp_path / "out", again)
    assert {entry.name: again.record(entry.name).split for entry in again.entries} == {"dog.png": "test_A_größe", "dog-2.png": "train"}


def test_rows_beside_the_pictures_and_polygons(tmp_path: Path, photos: list[Path]) -> None:
    """A folder without splits, of somebody else: captions alone, columns that are missing, and a byte order mark."""
    root = tmp_path / "data"
    root.mkdir()
    (root / "a.png").write_bytes(photos[0].read_bytes())
    square = [[10, 10, 20, 10, 20, 20, 10, 20]]
    rows = [{"file_name": "a.png", "text": "a dog"}, {"file_name": "a.png", "objects": {"segmentation": [square], "category": [None]}}]
    (root / "metadata.jsonl").write_text("\ufeff" + "\n\n".join(map(json.dumps, rows)), encoding="utf-8")
    again = Project.create(tmp_path / "again")
    assert import_from("datasets", root, again).objects == 1
    records = [again.record(entry.name) for entry in again.entries]
    assert [(record.state, record.split, len(record.layers)) for record in records] == [("new", "", 0), ("accepted", "", 1)]
    assert records[1].layers[0].pixels().sum() == 100


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("[", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("5", "with a file_name"),
        ({"file_name": 5}, "with a file_name"),
        ({"file_name": "../../../secret.png"}, "inside"),
        ({"file_name": "/etc/passwd"}, "inside"),
        ({"file_name": "none.png"}, "put it there"),
        ({"objects": 5}, "not what was expected"),
        ({"absent": 5}, "not what was expected"),
        ({"absent": [5]}, "list of texts"),
        ({"objects": {"bbox": [[0, 0, 1, 1]]}}, "0 segmentations of 1 objects"),
        ({"objects": {"segmentation": 5}}, "the column segmentation"),
        ({"objects": {"segmentation": [5]}}, "object 1"),
        ({"objects": {"segmentation": [{"size": [1, 1], "counts": "1"}]}}, "object 1"),
        ({"objects": {"segmentation": [[]], "expressions": []}}, "the column expressions"),
        ({"objects": {"segmentation": [[]], "expressions": ["text"]}}, "list of texts"),
        ({"objects": {"segmentation": [[]], "category": [5]}}, "categories that are not texts"),
    ],
)
def test_damaged_rows_are_one_sentence(row: Any, reason: str, project: Project, tmp_path: Path) -> None:
    export_to("datasets", project, tmp_path / "out")
    (tmp_path / "secret.png").write_bytes((tmp_path / "out/data/train/dog.png").read_bytes())
    text = row if isinstance(row, str) else json.dumps({"file_name": "dog.png", **row})
    (tmp_path / "out/data/train/metadata.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=reason):
        import_from("datasets", tmp_path / "out", Project.create(tmp_path / "again"))


def test_a_line_without_an_end(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refseg.annotation.importers.datasets.MAX_ROW_BYTES", 1000)
    export_to("datasets", project, tmp_path / "out")
    with pytest.raises(DataError, match=r"line 1 of .* has more than"):
        import_from("datasets", tmp_path / "out", Project.create(tmp_path / "again"))
