"""Every exporter, read again by our importer."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image
from tests.annotation.formats.shapes import masks, visible

from refseg.annotation.exporters import EXPORTERS, export_to
from refseg.annotation.importers import IMPORTERS, import_from
from refseg.annotation.records import Layer
from refseg.annotation.store import Project
from refseg.cli import main
from refseg.commands import export, import_
from refseg.data.masks import encode_rle
from refseg.errors import DataError, InputError, ProjectError

# How a camera of each EXIF orientation lays down what is seen.
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
WITHOUT_EXPRESSIONS = {"coco"}
WITHOUT_ABSENT = {"coco", "refcoco", "ytvos"}
JPEG = {"ytvos", "voc"}  # pictures become JPEGs
ONE_NUMBER = {"ytvos", "voc"}  # a pixel is of one thing, the last one


@pytest.mark.parametrize("name", sorted(IMPORTERS))
def test_what_is_exported_and_read_again_is_the_same_bit_by_bit(name: str, project: Project, tmp_path: Path) -> None:
    assert export_to(name, project, tmp_path / "out").objects == 10
    again = Project.create(tmp_path / "again")
    assert import_from(name, tmp_path / "out", again).objects == 10
    ending = ".jpg" if name in JPEG else ".png"
    assert [entry.name for entry in again.entries] == ["dog" + ending, "dog-2" + ending]
    seen = visible(masks()) if name in ONE_NUMBER else masks()
    for entry in again.entries:
        before, after = project.record(Path(entry.name).stem + ".png"), again.record(entry.name)
        assert name in JPEG or project.picture_path(before).read_bytes() == again.picture_path(after).read_bytes()
        assert (after.split, after.state) == (before.split, "accepted")
        drawn = [layer for layer in after.layers if layer.mask is not None]
        for mask, layer, original in zip(seen, drawn, before.layers, strict=False):
            np.testing.assert_array_equal(layer.pixels(), mask)
            assert layer.category == original.category
            assert layer.expressions == (() if name in WITHOUT_EXPRESSIONS else original.expressions)
        absent = [layer.expressions for layer in after.layers if layer.absent]
        assert absent == ([] if name in WITHOUT_ABSENT else [("the elephant", "Dumbo")])


@pytest.mark.parametrize("name", sorted(EXPORTERS))
def test_a_zip_holds_what_the_folder_holds(name: str, project: Project, tmp_path: Path) -> None:
    export_to(name, project, tmp_path / "out")
    export_to(name, project, tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.testzip() is None
        for member in archive.namelist():
            assert archive.read(member) == (tmp_path / "out" / member).read_bytes()
        assert len(archive.namelist()) == sum(path.is_file() for path in (tmp_path / "out").rglob("*"))


@pytest.mark.parametrize("name", sorted(EXPORTERS))
def test_an_export_that_fails_leaves_nothing(name: str, project: Project, tmp_path: Path) -> None:
    project.picture_path(project.record("dog-2.png")).unlink()
    for target in (tmp_path / "out", tmp_path / "out.zip"):
        with pytest.raises(Exception, match="is gone"):
            export_to(name, project, target)
    assert not [path.name for path in tmp_path.iterdir() if "out" in path.name]
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(ProjectError, match="is not empty"):
        export_to(name, project, tmp_path / "full")


@pytest.mark.parametrize("name", sorted(IMPORTERS))
def test_what_cannot_be_saved_leaves_its_picture_out(name: str, tmp_path: Path, project: Project) -> None:
    """Nothing may come into a project that cannot be read again."""
    for entry in project.entries:
        project.save(project.record(entry.name).with_layer(Layer("long", ("x" * 1000,))))
    with pytest.raises(ProjectError, match="at most 1000"):
        project.save(project.record("dog.png").with_layer(Layer("long", ("x" * 1001,))))
    export_to(name, project, tmp_path / "out")
    for path in (tmp_path / "out").rglob("*"):
        if path.suffix in (".json", ".jsonl", ".xml", ".yaml"):
            path.write_text(path.read_text(encoding="utf-8").replace("hound", "h" * 1001), encoding="utf-8")
    again = Project.create(tmp_path / "again")
    with pytest.raises(ProjectError, match="cannot save dog"):
        import_from(name, tmp_path / "out", again)
    assert not again.entries and not list((again.folder / "pictures").iterdir())


ODD_NAMES = ["../secret.png", "/etc/passwd", "images/../../x", "..\\x", "a\0b", "\ud800", "x" * 5000, "link/secret.png"]


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize("form", ["png", "coco"])
def test_imports_stay_in_their_folder(form: str, name: str, tmp_path: Path, photos: list[Path]) -> None:
    root = tmp_path / "data"
    (root / "images").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(photos[0].read_bytes())
    if "link" in name:
        for folder in (root, root / "images"):
            (folder / "link").symlink_to(tmp_path, target_is_directory=True)
    coco = {"images": [{"id": 1, "file_name": name, "width": 60, "height": 40}], "annotations": [], "categories": []}
    values = {"png": ("masks.json", [{"image": name}]), "coco": ("instances.json", coco)}
    (root / values[form][0]).write_text(json.dumps(values[form][1]))
    with pytest.raises(DataError, match="inside"):
        import_from(form, root, Project.create(tmp_path / "p"))


def test_the_commands(project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, again = str(tmp_path / "out.zip"), str(tmp_path / "again")
    assert main(["export", "--project", str(project.folder), "--format", "refcoco", "--output", out]) == 0
    assert main(["import", "--format", "refcoco", "--input", out, "--project", again]) == 0
    printed = capsys.readouterr().out
    assert "10 from 3 pictures" in printed and "imported 10 objects in 2 images" in printed
    assert main(["export", "--project", again, "--format", "coco", "--output", str(tmp_path)]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert main(["export", "--project", str(tmp_path), "--format", "coco", "--output", out + "2"]) == 2
    assert "is no project" in capsys.readouterr().err


def test_the_commands_know_what_there_is() -> None:
    assert set(export.FORMATS) == set(EXPORTERS) and set(import_.FORMATS) == set(IMPORTERS)


@pytest.mark.parametrize("name", sorted(IMPORTERS))
def test_a_picture_without_masks_is_new(name: str, project: Project, tmp_path: Path) -> None:
    project.save(replace(project.record("dog.png"), layers=()))
    export_to(name, project, tmp_path / "out")
    again = Project.create(tmp_path / "again")
    assert import_from(name, tmp_path / "out", again).objects == 5
    assert {Path(entry.name).stem: entry.state for entry in again.entries} == {"dog": "new", "dog-2": "accepted"}


@pytest.mark.parametrize("name", sorted(EXPORTERS))
def test_an_export_is_followed_and_stopped(name: str, project: Project, tmp_path: Path) -> None:
    seen = []
    export_to(name, project, tmp_path / "out", lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    for target in (tmp_path / "stopped", tmp_path / "stopped.zip"):
        with pytest.raises(KeyboardInterrupt):
            export_to(name, project, target, stop)
    assert not [path.name for path in tmp_path.iterdir() if "stopped" in path.name]


@pytest.mark.parametrize("name", sorted(IMPORTERS))
def test_an_import_is_followed_and_stopped(name: str, project: Project, tmp_path: Path) -> None:
    export_to(name, project, tmp_path / "out")
    seen = []
    import_from(name, tmp_path / "out", Project.create(tmp_path / "again"), lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    before = {entry.name for entry in project.entries}
    with pytest.raises(KeyboardInterrupt):
        import_from(name, tmp_path / "out", project, stop)
    assert {entry.name for entry in project.entries} == before == {entry.name for entry in Project.open(project.folder).entries}
    assert {path.name for path in (project.folder / "pictures").iterdir()} == before


@pytest.mark.parametrize("name", sorted(IMPORTERS))
def test_what_is_missing_is_one_sentence(name: str, project: Project, tmp_path: Path) -> None:
    """An empty folder, and a data set without its pictures."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError):
        import_from(name, tmp_path / "empty", project)
    export_to(name, project, tmp_path / "out")
    for path in (tmp_path / "out").rglob("*"):
        if path.suffix in (".png", ".jpg") and not {"masks", "Annotations", "SegmentationObject", "SegmentationClass"} & set(path.parts):
            path.unlink()
    again = Project.create(tmp_path / "again")
    with pytest.raises(InputError):
        import_from(name, tmp_path / "out", again)
    assert not again.entries


@pytest.mark.parametrize("name", sorted(IMPORTERS))
@pytest.mark.parametrize("orientation", range(2, 9))
def test_pictures_that_only_exif_turns_upright_are_written_upright(name: str, orientation: int, tmp_path: Path) -> None:
    """A tool that heeds EXIF and one that does not see the same pixels, and the masks fit them."""
    shown = np.zeros((40, 60, 3), np.uint8)
    shown[:20, :30] = 255, 0, 0
    shown[20:, 30:] = 0, 255, 0
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored = Image.fromarray(shown).transpose(STORED[orientation])
    stored.save(tmp_path / "turned.jpg", exif=exif, quality=95, subsampling=0)
    project = Project.create(tmp_path / "project")
    record = project.add_picture(tmp_path / "turned.jpg")
    assert (record.height, record.width) == (40, 60)
    red = np.zeros((40, 60), bool)
    red[:20, :30] = True
    project.save(record.with_layer(Layer("1", ("red",), "square", mask=encode_rle(red))))
    export_to(name, project, tmp_path / "out")
    again = Project.create(tmp_path / "again")
    import_from(name, tmp_path / "out", again)
    read = again.record(again.entries[0].name)
    path = again.picture_path(read)
    with Image.open(path) as picture:
        assert picture.getexif().get(ExifTags.Base.Orientation, 1) == 1 and picture.format == "JPEG"
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert np.abs(pixels - shown).mean() < 5
    np.testing.assert_array_equal(read.layers[0].pixels(), red)
