"""Every exporter, read again: by our importer bit by bit, and by the tools that people use."""

import json
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from refseg.annotation.formats import EXPORTERS, IMPORTERS
from refseg.annotation.records import Layer
from refseg.annotation.sinks import open_sink
from refseg.annotation.store import Project
from refseg.cli import main
from refseg.commands import export, import_
from refseg.data.masks import encode_rle
from refseg.data.refcoco import read_refcoco
from refseg.errors import DataError, ProjectError

SHAPE = (40, 60)


def masks() -> list[np.ndarray]:
    """A box, noise, a ring with a hole, two pieces, a single pixel."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    radius = np.hypot(y - 20, x - 30)
    pieces = (x < 5) | (x > 55)
    dot = np.zeros(SHAPE, bool)
    dot[39, 59] = True
    return [(y > 10) & (y < 30) & (x < 20), rng.random(SHAPE) > 0.5, (radius < 18) & (radius > 9), pieces, dot]


@pytest.fixture
def project(tmp_path: Path, photos: list[Path]) -> Project:
    made = Project.create(tmp_path / "project", "ours")
    for number, path in enumerate(photos):
        record = made.add_picture(path)
        for position, mask in enumerate(masks()):
            said = (f"thing {position}", f"größtes Ding, {position}")
            record = record.with_layer(Layer(str(position), said, "dog" if position % 2 else "", mask=encode_rle(mask)))
        record = record.with_layer(Layer("absent", ("the elephant",), absent=True))
        state = "skipped" if number == 2 else "accepted"
        made.save(replace(record, state=state, split="val" if number else "train"))
    return made


def exported(project: Project, name: str, path: Path) -> int:
    with open_sink(path) as sink:
        return EXPORTERS[name](project, sink)


@pytest.mark.parametrize("name", sorted(IMPORTERS))
def test_what_is_exported_and_read_again_is_the_same_bit_by_bit(name: str, project: Project, tmp_path: Path) -> None:
    assert exported(project, name, tmp_path / "out") == 10
    again = Project.create(tmp_path / "again")
    assert IMPORTERS[name](tmp_path / "out", again) == 10
    assert [entry.name for entry in again.entries] == ["dog.png", "dog-2.png"]
    for entry in again.entries:
        before, after = project.record(entry.name), again.record(entry.name)
        assert project.picture_path(before).read_bytes() == again.picture_path(after).read_bytes()
        assert after.split == before.split
        drawn = [layer for layer in after.layers if layer.mask is not None]
        for mask, layer, original in zip(masks(), drawn, before.layers, strict=False):
            np.testing.assert_array_equal(layer.pixels(), mask)
            assert layer.category == original.category
            if name == "refcoco":
                number = original.id
                assert layer.expressions == (f"thing {number}", f"grösstes ding {number}")  # cleaned, as RefCOCO's "sent" is
            if name == "png":
                assert layer.expressions == original.expressions
        assert [layer.expressions for layer in after.layers if layer.absent] == ([("the elephant",)] if name == "png" else [])


def test_pycocotools_reads_coco(project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pycocotools.coco import COCO

    exported(project, "coco", tmp_path / "out")
    coco = COCO(str(tmp_path / "out" / "instances.json"))
    assert len(coco.getImgIds()) == 2 and {category["name"] for category in coco.loadCats(coco.getCatIds())} == {"object", "dog"}
    for image in coco.getImgIds():
        annotations = coco.loadAnns(coco.getAnnIds(imgIds=[image]))
        for annotation, mask in zip(annotations, masks(), strict=True):
            np.testing.assert_array_equal(coco.annToMask(annotation) > 0, mask)
            assert annotation["area"] == mask.sum()
            ys, xs = np.nonzero(mask)
            assert annotation["bbox"] == [xs.min(), ys.min(), xs.max() + 1 - xs.min(), ys.max() + 1 - ys.min()]


def test_refcoco_is_read_by_our_own_protocol_and_as_the_refer_api_does(project: Project, tmp_path: Path) -> None:
    exported(project, "refcoco", tmp_path / "out")
    dataset = read_refcoco(tmp_path / "out", "val")
    assert len(dataset.images) == 1 and [len(referent.sentences) for referent in dataset.referents] == [2] * 5
    refs = pickle.loads((tmp_path / "out" / "refs(refseg).p").read_bytes())  # noqa: S301  written a moment ago
    assert refs == json.loads((tmp_path / "out" / "expressions.json").read_text(encoding="utf-8"))
    numbers = [sentence["sent_id"] for ref in refs for sentence in ref["sentences"]]
    assert numbers == list(range(1, 21)) and all(ref["sent_ids"] == [s["sent_id"] for s in ref["sentences"]] for ref in refs)
    annotations = {a["id"]: a for a in json.loads((tmp_path / "out" / "instances.json").read_text(encoding="utf-8"))["annotations"]}
    assert all(annotations[ref["ann_id"]]["image_id"] == ref["image_id"] for ref in refs)


def test_grefcoco_knows_several_targets_and_none(project: Project, tmp_path: Path) -> None:
    record = project.record("dog.png")
    for id_ in ("0", "2"):
        record = record.with_layer(replace(record.layer(id_), expressions=("both things",)))
    project.save(record)
    exported(project, "grefcoco", tmp_path / "out")
    refs = json.loads((tmp_path / "out" / "grefs(refseg).json").read_text(encoding="utf-8"))
    by_text = {ref["sentences"][0]["raw"]: ref for ref in refs if ref["image_id"] == 1}
    assert by_text["both things"]["ann_id"] == [1, 3] and not by_text["both things"]["no_target"]
    assert by_text["the elephant"]["ann_id"] == [-1] and by_text["the elephant"]["no_target"]


def test_a_zip_holds_what_the_folder_holds(project: Project, tmp_path: Path) -> None:
    exported(project, "coco", tmp_path / "out")
    exported(project, "coco", tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            assert archive.read(name) == (tmp_path / "out" / name).read_bytes()
        assert len(archive.namelist()) == sum(path.is_file() for path in (tmp_path / "out").rglob("*"))


def test_an_export_that_fails_leaves_nothing(project: Project, tmp_path: Path) -> None:
    project.picture_path(project.record("dog-2.png")).unlink()
    for target in (tmp_path / "out", tmp_path / "out.zip"):
        with pytest.raises(Exception, match="is gone"):
            exported(project, "coco", target)
    assert not [path.name for path in tmp_path.iterdir() if "out" in path.name]
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(ProjectError, match="is not empty"):
        exported(project, "coco", tmp_path / "full")


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "images/../../x", "..\\x"])
def test_imports_stay_in_their_folder(name: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    (tmp_path / "secret.png").write_bytes(b"x")
    (root / "masks.json").write_text(json.dumps([{"image": name}]))
    with pytest.raises(DataError, match="inside"):
        IMPORTERS["png"](root, Project.create(tmp_path / "p"))


def test_the_commands(project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, again = str(tmp_path / "out"), str(tmp_path / "again")
    assert main(["export", "--project", str(project.folder), "--format", "refcoco", "--output", out]) == 0
    assert main(["import", "--format", "refcoco", "--input", out, "--project", again]) == 0
    printed = capsys.readouterr().out
    assert "10 from 3 pictures" in printed and "10 masks in 2 pictures" in printed
    assert main(["export", "--project", again, "--format", "coco", "--output", out]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert main(["export", "--project", str(tmp_path), "--format", "coco", "--output", out + "2"]) == 2
    assert "is no project" in capsys.readouterr().err


def test_the_commands_know_what_there_is() -> None:
    assert set(export.FORMATS) == set(EXPORTERS) and set(import_.FORMATS) == set(IMPORTERS)
