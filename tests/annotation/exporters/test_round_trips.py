"""Every format, written and read again."""

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from refseg.annotation.exporters import EXPORTERS, export_to
from refseg.annotation.importers import IMPORTERS, import_from
from refseg.annotation.project import Project
from refseg.annotation.records import Annotation
from refseg.cli import main
from refseg.commands import export, import_
from refseg.data.masks import encode_rle
from refseg.errors import InputError, ProjectError
from tests.annotation.exporters.shapes import SHAPE, masks, visible

# How a camera of each EXIF orientation stores what is shown.
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
IMPORTER = {name: name.removesuffix("-polygons") for name in EXPORTERS}
WITHOUT_NO_TARGET = {"refcoco"}
JPEG = {"ytvos", "voc"}  # images become JPEGs
ONE_NUMBER = {"voc"}  # a pixel is of one object, the smallest one


def round_trip(name: str, project: Project, tmp_path: Path) -> Project:
    written = export_to(name, project, tmp_path / name)
    again = Project.create(tmp_path / f"{name} again")
    read = import_from(IMPORTER[name], tmp_path / name, again)
    assert (read.images, read.objects) == (written.images, written.objects)
    return again


@pytest.mark.parametrize("name", sorted(EXPORTERS))
def test_what_is_written_and_read_again_is_the_same_bit_by_bit(name: str, project: Project, tmp_path: Path) -> None:
    again = round_trip(name, project, tmp_path)
    suffix = ".jpg" if name in JPEG else ".png"
    assert [entry.name for entry in again.summaries] == ["dog" + suffix, "dog-2" + suffix]
    seen = visible(masks()) if name in ONE_NUMBER else masks()
    for entry in again.summaries:
        before, after = project.record(Path(entry.name).stem + ".png"), again.record(entry.name)
        assert name in JPEG or project.image_path(before).read_bytes() == again.image_path(after).read_bytes()
        assert (after.split, after.state) == (before.split, before.state)
        drawn = [annotation for annotation in after.annotations if annotation.mask is not None]
        for mask, annotation, original in zip(seen, drawn, before.annotations, strict=False):
            np.testing.assert_array_equal(annotation.decode_mask(), mask)
            assert annotation.category == original.category
            assert annotation.expressions == original.expressions
        no_target = [annotation.expressions for annotation in after.annotations if annotation.no_target]
        assert no_target == ([] if name in WITHOUT_NO_TARGET else [("the elephant", "Dumbo")])


@pytest.mark.parametrize("name", sorted(EXPORTERS))
def test_an_object_that_is_called_object_is_not_one_without_a_category(
    name: str, project: Project, tmp_path: Path
) -> None:
    for entry in project.summaries:
        record = project.record(entry.name)
        annotations = tuple(
            replace(annotation, category="object" if annotation.id == "0" else annotation.category)
            for annotation in record.annotations
        )
        project.save(replace(record, annotations=annotations))
    again = round_trip(name, project, tmp_path)
    for entry in again.summaries:
        drawn = [annotation for annotation in again.record(entry.name).annotations if annotation.mask is not None]
        assert [annotation.category for annotation in drawn] == ["object", "hound", "", "hound", ""]


@pytest.mark.parametrize("name", sorted(EXPORTERS))
def test_which_video_and_frame_an_image_came_from(name: str, project: Project, tmp_path: Path) -> None:
    for number, entry in enumerate(project.summaries):
        project.save(replace(project.record(entry.name), clip="Straße 1", frame=7 * number, split="val"))
    again = round_trip(name, project, tmp_path)
    records = [again.record(entry.name) for entry in again.summaries]
    assert sorted((record.clip, record.frame) for record in records) == [("Straße 1", 0), ("Straße 1", 7)]


@pytest.mark.parametrize("name", ["coco", "coco-polygons", "refcoco", "grefcoco"])
def test_ids_stay(name: str, project: Project, tmp_path: Path) -> None:
    for number, entry in enumerate(project.summaries[:2]):
        record = project.record(entry.name)
        numbered = [
            replace(annotation, original_id=500 + 10 * number + n, category_id=90 if n % 2 else 5)
            for n, annotation in enumerate(record.annotations[:5])
        ]
        project.save(replace(record, annotations=(*numbered, *record.annotations[5:]), original_id=1000 + number))
    again = round_trip(name, project, tmp_path)
    for number, entry in enumerate(again.summaries):
        record = again.record(entry.name)
        drawn = [annotation for annotation in record.annotations if annotation.mask is not None]
        assert record.original_id == 1000 + number
        assert [annotation.original_id for annotation in drawn] == [500 + 10 * number + n for n in range(5)]
        assert [annotation.category_id for annotation in drawn] == [5, 90, 5, 90, 5]


def test_class_numbers_stay(project: Project, tmp_path: Path) -> None:
    for entry in project.summaries[:2]:
        record = project.record(entry.name)
        classes = [("cat", 4), ("hound", 2)]
        annotations = tuple(
            replace(annotation, category=classes[n % 2][0], category_id=classes[n % 2][1])
            for n, annotation in enumerate(record.annotations[:5])
        )
        project.save(replace(record, annotations=annotations))
    again = round_trip("yolo", project, tmp_path)
    assert [
        (annotation.category, annotation.category_id) for annotation in again.record("dog.png").annotations[:2]
    ] == [
        ("cat", 4),
        ("hound", 2),
    ]


@pytest.mark.parametrize("name", sorted(EXPORTERS))
def test_names_of_every_script(name: str, photos: list[Path], tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project")
    names = ["Hündin 1.jpg", "собака (2).jpg", "猫の写真.jpg"]
    for one in names:
        project.save(
            project.add_image(photos[2], name=one).with_annotation(
                Annotation("1", ("it",), "猫", mask=encode_rle(np.ones(SHAPE, bool)))
            )
        )
    again = round_trip(name, project, tmp_path)
    assert sorted(entry.name for entry in again.summaries) == names


@pytest.mark.parametrize("name", sorted(EXPORTERS))
def test_an_image_without_masks(name: str, project: Project, tmp_path: Path) -> None:
    project.save(replace(project.record("dog.png"), annotations=(), state="new"))
    again = round_trip(name, project, tmp_path)
    assert {Path(entry.name).stem: entry.state for entry in again.summaries} == {"dog": "new", "dog-2": "corrected"}


@pytest.mark.parametrize("name", sorted(EXPORTERS))
@pytest.mark.parametrize("orientation", range(2, 9))
def test_images_that_only_exif_turns_are_written_upright(name: str, orientation: int, tmp_path: Path) -> None:
    """A tool that applies EXIF and one that does not read the same pixels, and the masks fit them."""
    shown = np.zeros((40, 60, 3), np.uint8)
    shown[:20, :30] = 255, 0, 0
    shown[20:, 30:] = 0, 255, 0
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored = Image.fromarray(shown).transpose(STORED[orientation])
    stored.save(tmp_path / "turned.jpg", exif=exif, quality=95, subsampling=0)
    project = Project.create(tmp_path / "project")
    record = project.add_image(tmp_path / "turned.jpg")
    assert (record.height, record.width) == (40, 60)
    red = np.zeros((40, 60), bool)
    red[:20, :30] = True
    project.save(record.with_annotation(Annotation("1", ("red",), "square", mask=encode_rle(red))))
    again = round_trip(name, project, tmp_path)
    read = again.record(again.summaries[0].name)
    with Image.open(again.image_path(read)) as image:
        assert image.getexif().get(ExifTags.Base.Orientation, 1) == 1 and image.format == "JPEG"
        pixels = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(pixels - shown).mean() < 5
    np.testing.assert_array_equal(read.annotations[0].decode_mask(), red)


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
    project.image_path(project.record("dog-2.png")).unlink()
    for target in (tmp_path / "out", tmp_path / "out.zip"):
        with pytest.raises(InputError, match="is missing"):
            export_to(name, project, target)
    assert not [path.name for path in tmp_path.iterdir() if "out" in path.name]
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(ProjectError, match="is not empty"):
        export_to(name, project, tmp_path / "full")


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


@pytest.mark.parametrize("name", sorted(EXPORTERS))
def test_an_import_is_followed_and_stopped(name: str, project: Project, tmp_path: Path) -> None:
    export_to(name, project, tmp_path / "out")
    seen = []
    import_from(
        IMPORTER[name],
        tmp_path / "out",
        Project.create(tmp_path / "again"),
        lambda done, total: seen.append((done, total)),
    )
    assert seen[-1][0] == seen[-1][1]

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    before = {entry.name for entry in project.summaries}
    with pytest.raises(KeyboardInterrupt):
        import_from(IMPORTER[name], tmp_path / "out", project, stop)
    assert (
        {entry.name for entry in project.summaries}
        == before
        == {entry.name for entry in Project.open(project.folder).summaries}
    )
    assert {path.name for path in (project.folder / "images").iterdir()} == before


def test_the_commands(project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, again = str(tmp_path / "out.zip"), str(tmp_path / "again")
    assert main(["export", "--project", str(project.folder), "--format", "refcoco", "--output", out]) == 0
    assert main(["import", "--format", "refcoco", "--input", out, "--project", again]) == 0
    printed = capsys.readouterr().out
    assert "exported 10 objects in 2 images" in printed and "imported 10 objects in 2 images" in printed
    assert main(["export", "--project", again, "--format", "coco", "--output", str(tmp_path)]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert main(["export", "--project", str(tmp_path), "--format", "coco", "--output", out + "2"]) == 2
    assert "is not a project" in capsys.readouterr().err


def test_the_commands_know_all_formats() -> None:
    assert set(export.EXPORT_FORMATS) == set(EXPORTERS) and set(import_.FORMATS) == set(IMPORTERS)


@pytest.mark.parametrize("name", sorted(EXPORTERS))
def test_the_format_of_an_export_is_recognized(name: str, project: Project, tmp_path: Path) -> None:
    export_to(name, project, tmp_path / "out")
    assert import_from(None, tmp_path / "out", Project.create(tmp_path / "again")).format == IMPORTER[name]
