"""Pictures of exports: upright, under names that do not meet and that any system can have."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, ImageOps

from refseg.annotation.exporters.images import Pictures
from refseg.annotation.exporters.session import ExportSession
from refseg.annotation.records import PictureRecord
from refseg.annotation.store import Project
from refseg.errors import ProjectError


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def write(self, name: str, data: bytes) -> None:
        assert name not in self.files
        self.files[name] = data

    def copy(self, name: str, path: Path) -> None:
        self.write(name, path.read_bytes())


def put(project: Project, path: Path, **options: bool) -> tuple[str, bytes]:
    sink = Kept()
    name = Pictures(ExportSession(project, sink), **options).put(project.add_picture(path), "images/")
    return name, sink.files[f"images/{name}"]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project")


def turned(path: Path, **options: object) -> Path:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)).save(path, exif=exif, **options)
    return path


def test_files_are_copied_as_they_are(project: Project, photos: list[Path]) -> None:
    for path in photos:
        assert put(project, path)[1] == path.read_bytes()
    assert put(project, photos[2], jpeg=True)[1] == photos[2].read_bytes()


@pytest.mark.parametrize("ending", [".png", ".webp", ".tiff"])
def test_what_is_turned_and_no_jpeg_becomes_a_png_to_the_pixel(ending: str, project: Project, tmp_path: Path) -> None:
    path = turned(tmp_path / f"a{ending}", **({"lossless": True} if ending == ".webp" else {}))
    name, data = put(project, path)
    assert name == "a.png"
    (tmp_path / "out.png").write_bytes(data)
    with Image.open(path) as before, Image.open(tmp_path / "out.png") as after:
        assert after.format == "PNG" and after.size == (30, 50)
        seen = ImageOps.exif_transpose(before)  # a TIFF is turned as it is read
        np.testing.assert_array_equal(np.asarray(seen), np.asarray(after))


def test_what_few_tools_read_becomes_a_png(project: Project, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.ppm")
    Image.fromarray(pixels).save(tmp_path / "b", format="BMP")
    name, data = put(project, tmp_path / "a.ppm")
    (tmp_path / "out.png").write_bytes(data)
    with Image.open(tmp_path / "out.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), pixels)
    assert name == "a.png" and put(project, tmp_path / "b") == ("b.bmp", (tmp_path / "b").read_bytes())


def test_colour_profiles_stay(project: Project, tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    _, data = put(project, turned(tmp_path / "a.JPEG", icc_profile=profile))
    (tmp_path / "out.jpg").write_bytes(data)
    with Image.open(tmp_path / "out.jpg") as after:
        assert after.info["icc_profile"] == profile and after.size == (30, 50) and not after.getexif()


def test_all_become_jpegs_where_the_format_has_no_others(project: Project, tmp_path: Path, photos: list[Path]) -> None:
    name, data = put(project, photos[0], jpeg=True)
    assert name == "dog.jpg" and data[:2] == b"\xff\xd8"
    liar = tmp_path / "liar.jpg"
    liar.write_bytes(photos[0].read_bytes())  # a PNG
    name, data = put(project, liar, jpeg=True)
    assert name == "liar.jpg" and data[:2] == b"\xff\xd8"


def test_names_do_not_meet(project: Project, photos: list[Path]) -> None:
    record = project.add_picture(photos[0])
    names = ["a.png", "a.jpg", "A.png", "a-2.png", "ä b.png", 'c:\\d"?\n.png', "a.b.png"]
    for options, expected in (
        ({}, ["a.png", "a.jpg", "A-2.png", "a-2-2.png", "ä b.png", "c__d___.png", "a.b.png"]),
        ({"stems": True}, ["a.png", "a-2.jpg", "A-3.png", "a-2-2.png", "ä b.png", "c__d___.png", "a.b.png"]),
        ({"jpeg": True}, ["a.jpg", "a-2.jpg", "A-3.jpg", "a-2-2.jpg", "ä b.jpg", "c__d___.jpg", "a.b.jpg"]),
    ):
        pictures = Pictures(ExportSession(project, Kept()), **options)
        assert [pictures.put(replace(record, name=name)) for name in names] == expected


def test_a_picture_that_is_another_one_by_now(project: Project, photos: list[Path]) -> None:
    record = project.add_picture(photos[0])
    with pytest.raises(ProjectError, match="has 60 x 40 pixels, expected the 40 x 60 of its masks"):
        Pictures(ExportSession(project, Kept())).put(PictureRecord(record.name, record.file, 60, 40))
