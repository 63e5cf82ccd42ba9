"""Folders for the `datasets` library: types that do not depend on the rows, names that it takes, cards.

The library is tested in tests/interoperability; what is asserted here is what it relies on.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco

from refseg.annotation.exporters import datasets, export_to
from refseg.annotation.exporters.datasets import _loadable, _Splits
from refseg.annotation.importers import import_from
from refseg.annotation.project import Project
from refseg.annotation.records import Annotation
from tests.annotation.exporters.shapes import masks

parquet = pytest.importorskip("pyarrow.parquet")


def rows_of(path: Path) -> list[Any]:
    return list(parquet.read_table(path).to_pylist())


def head_of(path: Path) -> Any:
    start, head, _ = path.read_text(encoding="utf-8").split("---\n", 2)
    assert start == ""
    return yaml.safe_load(head)


def content_of(project: Project) -> list[Any]:
    """All that an export must keep, without the order of the images."""
    found = []
    for entry in project.summaries:
        record = project.record(entry.name)
        annotations = sorted(record.annotations, key=lambda one: one.no_target)  # no-target entries come last
        objects = [(one.expressions, one.category, one.no_target, one.mask) for one in annotations]
        found.append((record.name, record.state, record.split, record.clip, record.frame, objects))
    return sorted(found, key=lambda one: one[0])


def test_the_layout(project: Project, tmp_path: Path) -> None:
    assert export_to("datasets", project, tmp_path / "out").objects == 10
    out = tmp_path / "out"
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    rows = {f"data/{split}/metadata.parquet" for split in ("train", "val")}
    assert files == {"README.md", *rows, "data/train/dog.png", "data/val/dog-2.png"}
    [row] = rows_of(out / "data/train/metadata.parquet")
    assert (row["file_name"], row["width"], row["height"], row["state"]) == ("dog.png", 60, 40, "accepted")
    assert row["absent"] == [["the elephant", "Dumbo"]]
    objects = row["objects"]
    assert set(map(len, objects.values())) == {5}
    assert objects["category"] == ["object", "hound", "object", "hound", "object"]
    assert objects["unnamed"] == [True, False, True, False, True]
    assert objects["bbox"][0] == [0, 11, 20, 19]
    for rle, mask in zip(objects["segmentation"], masks(), strict=True):
        np.testing.assert_array_equal(coco.decode(rle) > 0, mask)
    head = head_of(out / "README.md")
    assert (
        head["pretty_name"] == "ours"
        and head["task_categories"] == ["image-segmentation"]
        and head["size_categories"] == ["n<1K"]
    )
    [config] = head["configs"]
    assert config["data_files"] == [{"split": split, "path": f"data/{split}/**"} for split in ("train", "val")]


def test_types_are_those_of_every_split_whatever_its_rows_hold(project: Project, tmp_path: Path) -> None:
    """One split without a no-target entry, one without an object, one without an expression."""
    project.save(replace(project.record("dog.png"), annotations=project.record("dog.png").annotations[:1]))
    project.save(replace(project.record("dog-2.png"), annotations=()))
    skipped = project.record("häuser & co.jpg")
    project.save(
        replace(skipped, state="new", split="test", annotations=(replace(skipped.annotations[0], expressions=()),))
    )
    export_to("datasets", project, tmp_path / "out")
    schemas = [
        parquet.read_schema(tmp_path / f"out/data/{split}/metadata.parquet") for split in ("train", "val", "test")
    ]
    assert schemas[0] == schemas[1] == schemas[2]
    assert str(schemas[0].field("absent").type) == "list<element: list<element: string>>"


@pytest.mark.parametrize("installed", [True, False])
def test_what_is_exported_is_read_again(
    installed: bool, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With pyarrow and without it; a category "object" and none, states, video and frame, several no-target entries."""
    record = project.record("dog.png")
    annotations = (
        *record.annotations,
        replace(record.annotations[0], id="named", category="object"),
        Annotation("gone", ("a whale",), no_target=True),
    )
    project.save(replace(record, annotations=annotations, state="corrected", clip="Straße", frame=7))
    project.save(replace(project.record("dog-2.png"), split="test-A/größe"))
    if not installed:
        monkeypatch.setitem(sys.modules, "pyarrow", None)
    report = export_to("datasets", project, tmp_path / "out")
    rows = {path.suffix for path in (tmp_path / "out").rglob("metadata.*")}
    assert rows == ({".parquet"} if installed else {".jsonl"})
    assert (
        ("image", "objects written as JSON texts, because pyarrow is not installed") in report.altered
    ) is not installed
    again = Project.create(tmp_path / "again")
    assert import_from("datasets", tmp_path / "out", again).skipped == {}
    assert content_of(again) == [one for one in content_of(project) if one[1] != "skipped"]


def test_rows_without_pyarrow_have_one_type_whatever_they_hold(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    project.save(replace(project.record("dog-2.png"), annotations=()))
    export_to("datasets", project, tmp_path / "out")
    rows = [
        json.loads(line)
        for path in (tmp_path / "out").rglob("*.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    assert [{name: type(value) for name, value in row.items()} for row in rows] == [
        {"file_name": str, "width": int, "height": int, "state": str, "source": str, "objects": str, "absent": str}
    ] * 2


def test_ids_and_names_of_the_data_set_that_it_came_from(project: Project, tmp_path: Path) -> None:
    record = project.record("dog.png")
    annotation = replace(record.annotations[0], original_id=417, category_id=18)
    project.save(replace(record, annotations=(annotation,), original_name="val2017/hünd.png", original_id=9))
    export_to("datasets", project, tmp_path / "out")
    again = Project.create(tmp_path / "again")
    import_from("datasets", tmp_path / "out", again)
    read = again.record("hünd.png")
    assert (read.original_name, read.original_id) == ("val2017/hünd.png", 9)
    assert (read.annotations[0].original_id, read.annotations[0].category_id) == (417, 18)


def test_rows_are_written_in_groups_and_images_to_several_folders(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Hub takes 10,000 files per folder, and memory must not grow with the data set."""
    monkeypatch.setattr("refseg.annotation.exporters.metadata_files.ROWS_PER_GROUP", 2)
    monkeypatch.setattr(datasets, "FILES_PER_FOLDER", 2)
    for entry in project.summaries:
        project.save(replace(project.record(entry.name), split="train", state="accepted"))
    export_to("datasets", project, tmp_path / "out")
    opened = parquet.ParquetFile(tmp_path / "out/data/train/metadata.parquet")
    assert [opened.metadata.row_group(number).num_rows for number in range(opened.num_row_groups)] == [2, 1]
    assert [row["file_name"] for row in opened.read().to_pylist()] == [
        "dog.png",
        "dog-2.png",
        "part_1/häuser & co.jpg",
    ]
    again = Project.create(tmp_path / "again")
    assert import_from("datasets", tmp_path / "out", again).images == 3
    opened.close()


@pytest.mark.parametrize("name", ["---\nx: y", "<script>alert(1)</script>", "[a](javascript:b)", "größer 😀 'x\": #"])
def test_names_do_not_leave_their_place_in_the_card(name: str, tmp_path: Path, photos: list[Path]) -> None:
    project = Project.create(tmp_path / "project", name)
    project.add_image(photos[0])
    export_to("datasets", project, tmp_path / "out")
    assert head_of(tmp_path / "out" / "README.md")["pretty_name"] == " ".join(name.split())
    body = (tmp_path / "out" / "README.md").read_text(encoding="utf-8").rpartition("---\n\n# ")[2]
    assert "<script" not in body and "](java" not in body


@given(names=st.lists(st.text(max_size=100), unique=True))
def test_names_of_splits_are_such_as_the_library_takes_and_all_different(names: list[str]) -> None:
    splits = _Splits()
    found = {name: splits.name_of(name) for name in names}
    assert all(name.replace("_", "a").isalnum() and name.casefold() != "all" for name in found.values())
    groups = {name or "train" for name in names}
    assert len({name.casefold() for name in found.values()}) == len(groups)


@pytest.mark.parametrize(
    ("name", "loadable"),
    [
        ("чашка 1.png", "чашка 1.png"),
        ("a.rf.0123abcd.jpg", "a.rf.0123abcd.jpg"),
        ("_a.jpg", "_a.jpg"),
        ("__a.jpg", "a.jpg"),
        ("a.csv.png", "a_csv.png"),
        ("clip.MP4.jpg", "clip_MP4.jpg"),
        ("scan.dat", "scan_dat"),
        ("photo", "photo"),
        ("__.png", "image.png"),
    ],
)
def test_names_of_files_are_such_as_the_library_loads(name: str, loadable: str) -> None:
    assert _loadable(name) == loadable


def test_an_export_that_fails_leaves_nothing(project: Project, tmp_path: Path) -> None:
    project.image_path(project.record("dog-2.png")).unlink()
    with pytest.raises(Exception, match="missing"):
        export_to("datasets", project, tmp_path / "out")
    assert not (tmp_path / "out").exists()
