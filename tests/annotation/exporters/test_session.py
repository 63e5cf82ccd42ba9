"""What is left out of an export is counted."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from refseg.annotation.exporters import EXPORTERS, export_to
from refseg.annotation.exporters.options import ExportOptions
from refseg.annotation.exporters.report import ExportReport
from refseg.annotation.project import Project
from refseg.annotation.records import Annotation
from refseg.cli import main
from refseg.data.masks import encode_rle

EMPTY = encode_rle(np.zeros((40, 60), bool))
EVERYWHERE = sorted(EXPORTERS)


def reasons(tallies: dict[tuple[str, str], object]) -> set[str]:
    return {reason for _, reason in tallies}


@pytest.mark.parametrize("name", EVERYWHERE)
def test_damaged_records_are_counted(name: str, project: Project, tmp_path: Path) -> None:
    (project.folder / "annotations" / "dog.png.json").write_text("{")
    project = Project.open(project.folder)
    report = export_to(name, project, tmp_path / "out")
    assert report.images == 1 and report.objects == 5
    assert report.skipped["image", "its record is damaged"].count == 1
    assert report.skipped["image", "its record is damaged"].examples[0].startswith("dog.png: ")
    assert report.skipped["image", "marked as skipped"].count == 1


@pytest.mark.parametrize("name", EVERYWHERE)
def test_a_record_that_is_damaged_meanwhile(name: str, project: Project, tmp_path: Path) -> None:
    (project.folder / "annotations" / "dog.png.json").write_text("{")
    report = export_to(name, project, tmp_path / "out")
    assert report.images == 1 and report.skipped["image", "its record is damaged"].count == 1


@pytest.mark.parametrize("name", EVERYWHERE)
def test_accepted_only(name: str, project: Project, tmp_path: Path) -> None:
    report = export_to(name, project, tmp_path / "out", options=ExportOptions(accepted_only=True))
    assert report.images == 1 and report.skipped["image", "not accepted"].examples == ["dog-2.png"]
    names = {path.stem for path in (tmp_path / "out").rglob("*")}
    assert "dog-2" not in names and "dog" in names


@pytest.mark.parametrize("name", EVERYWHERE)
def test_masks_that_are_damaged_empty_or_missing(name: str, project: Project, tmp_path: Path) -> None:
    record = project.record("dog.png")
    damaged = replace(record.annotations[0], mask={"size": [40, 60], "counts": "0"})
    annotations = (
        damaged,
        *record.annotations[1:],
        Annotation("e", ("empty",), mask=EMPTY),
        Annotation("n", ("not drawn yet",)),
    )
    project.save(replace(record, annotations=annotations))
    report = export_to(name, project, tmp_path / "out")
    assert report.skipped["object", "its mask is damaged"].count == 1
    if name == "png":
        assert report.objects == 10
    else:
        assert report.objects == 9
        assert {"with an empty mask", "without a mask"} <= reasons(report.skipped)


def test_splits_by_share_are_written(project: Project, tmp_path: Path) -> None:
    for entry in project.summaries:
        project.save(replace(project.record(entry.name), split=""))
    report = export_to("coco", project, tmp_path / "out", options=ExportOptions(splits={"train": 0.5, "val": 0.5}))
    assert report.images == 2
    assert {path.name for path in (tmp_path / "out" / "annotations").iterdir()} == {
        "instances_train.json",
        "instances_val.json",
    }
    assert {project.record(entry.name).split for entry in project.summaries} == {""}


@pytest.mark.parametrize("name", EVERYWHERE)
def test_every_format_says_what_it_keeps(name: str) -> None:
    known = EXPORTERS[name].format
    assert known.title and known.keeps and known.line.startswith(known.title)


def test_the_summary_and_its_json() -> None:
    report = ExportReport("voc", images=2, objects=1, no_target=1)
    report.skip("image", "not accepted", "a.png")
    for number in range(7):
        report.lose("mask", "covered", f"{number}")
    report.alter("image", "turned upright", "b.jpg", 2)
    assert report.summary() == [
        "exported 1 object in 2 images, 1 no-target entry; 1 skipped; 7 lost; 2 altered",
        "skipped 1 image: not accepted (a.png)",
        "lost 7 masks: covered (0, 1, 2, 3, 4 ...)",
        "altered 2 images: turned upright (b.jpg ...)",
    ]
    values = json.loads(json.dumps(report.to_json()))
    assert values["lost"] == [{"what": "mask", "reason": "covered", "count": 7, "examples": ["0", "1", "2", "3", "4"]}]


def test_the_command(project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["export", "--project", str(project.folder), "--format", "refcoco"]
    report = tmp_path / "report.json"
    assert main([*arguments, "--output", str(tmp_path / "out.zip"), "--only", "accepted", "--report", str(report)]) == 0
    printed = capsys.readouterr()
    assert "exported 5 objects in 1 image" in printed.out
    assert "lost 1 no-target entry: the format has no place for it (dog.png: the elephant)" in printed.err
    assert json.loads(report.read_text(encoding="utf-8"))["images"] == 1
    assert main([*arguments, "--output", str(tmp_path / "all"), "--splits", "train=0.8,val=0.3"]) == 2
    assert "add up to 1.1" in capsys.readouterr().err and not (tmp_path / "all").exists()
    assert main(["export", "--help"]) == 0
    printed = capsys.readouterr()
    assert all(name in printed.out for name in EXPORTERS)
