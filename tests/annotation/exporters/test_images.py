"""Images of exports: upright, in a form that other tools open, under names that do not clash and that any system can
have.
"""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, ImageOps, PngImagePlugin

from refseg.annotation.exporters.images import ImageWriter
from refseg.annotation.exporters.report import ExportReport
from refseg.annotation.exporters.session import ExportSession
from refseg.annotation.project import Project
from refseg.annotation.records import AnnotatedImage
from refseg.errors import ProjectError
from refseg.images import load_image


class Kept:
    """A output that keeps what it is given."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def write(self, name: str, data: bytes) -> None:
        assert name not in self.files
        self.files[name] = data

    def copy(self, name: str, path: Path) -> None:
        self.write(name, path.read_bytes())


def put(project: Project, path: Path, **options: bool) -> tuple[str, bytes]:
    output = Kept()
    name = ImageWriter(ExportSession(project, output), **options).put(project.add_image(path), "images/")
    return name, output.files[f"images/{name}"]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project")


def turned(path: Path, **options: object) -> Path:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)).save(
        path, exif=exif, **options
    )
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
    record = project.add_image(photos[0])
    names = ["a.png", "a.jpg", "A.png", "a-2.png", "ä b.png", 'c:\\d"?\n.png', "a.b.png"]
    for options, expected in (
        ({}, ["a.png", "a.jpg", "A-2.png", "a-2-2.png", "ä b.png", "c__d___.png", "a.b.png"]),
        ({"stems": True}, ["a.png", "a-2.jpg", "A-3.png", "a-2-2.png", "ä b.png", "c__d___.png", "a.b.png"]),
        ({"jpeg": True}, ["a.jpg", "a-2.jpg", "A-3.jpg", "a-2-2.jpg", "ä b.jpg", "c__d___.jpg", "a.b.jpg"]),
    ):
        pictures = ImageWriter(ExportSession(project, Kept()), **options)
        assert [pictures.put(replace(record, name=name)) for name in names] == expected


def test_a_picture_that_is_another_one_by_now(project: Project, photos: list[Path]) -> None:
    record = project.add_image(photos[0])
    with pytest.raises(ProjectError, match="has 60 x 40 pixels, expected the 40 x 60 of its masks"):
        ImageWriter(ExportSession(project, Kept())).put(AnnotatedImage(record.name, record.file, 60, 40))


def sixteen_bits(path: Path) -> None:
    Image.fromarray(np.linspace(0, 65535, 30 * 50).reshape(30, 50).astype(np.uint16)).save(path)


def cmyk(path: Path) -> None:
    Image.new("CMYK", (50, 30), (0, 200, 100, 20)).save(path)


def animated(path: Path) -> None:
    frames = [Image.new("RGB", (50, 30), (shade, 0, 0)) for shade in (50, 100, 200)]
    frames[0].save(
        path, save_all=True, append_images=frames[1:], **({"lossless": True} if path.suffix == ".webp" else {})
    )


def indexed(path: Path) -> None:
    Image.new("RGB", (50, 30), (9, 99, 199)).convert("P", palette=Image.Palette.ADAPTIVE).save(path)


@pytest.mark.parametrize(
    ("write", "name", "written", "reason"),
    [
        (sixteen_bits, "a.png", "a.png", "pixels of the type I;16 converted to 8-bit RGB"),
        (sixteen_bits, "a.tif", "a.png", "pixels of the type I;16 converted to 8-bit RGB"),
        (cmyk, "a.jpg", "a.jpg", "pixels of the type CMYK converted to 8-bit RGB"),
        (cmyk, "a.tiff", "a.png", "pixels of the type CMYK converted to 8-bit RGB"),
        (animated, "a.png", "a.png", "only the first of several frames of PNG"),
        (animated, "a.webp", "a.png", "only the first of several frames of WEBP"),
        (animated, "a.tiff", "a.png", "only the first of several frames of TIFF"),
        (
            animated,
            "a.gif",
            "a.png",
            (
                "GIF converted to PNG; pixels of the type P converted to 8-bit RGB; only the first of several frames"
                " of GIF"
            ),
        ),
        (indexed, "a.bmp", "a.png", "pixels of the type P converted to 8-bit RGB"),
    ],
)
def test_what_other_tools_do_not_open_is_converted_and_reported(
    write: Callable[[Path], None], name: str, written: str, reason: str, project: Project, tmp_path: Path
) -> None:
    write(tmp_path / name)
    record = project.add_image(tmp_path / name)
    output, report = Kept(), ExportReport()
    session = ExportSession(project, output, report=report)
    assert ImageWriter(session, plain=True).put(record) == written
    assert list(report.altered) == [("image", reason)] and report.altered["image", reason].examples == [
        f"{name} -> {written}"
    ]
    with Image.open(io.BytesIO(output.files[written])) as image:
        assert image.mode == "RGB" and getattr(image, "n_frames", 1) == 1
        np.testing.assert_allclose(
            np.asarray(image).astype(int), load_image(tmp_path / name), atol=12 if written.endswith("jpg") else 0
        )


@pytest.mark.parametrize(
    ("write", "name"), [(sixteen_bits, "a.png"), (cmyk, "a.jpg"), (indexed, "a.png"), (animated, "a.webp")]
)
def test_formats_that_hold_any_image_copy_it(
    write: Callable[[Path], None], name: str, project: Project, tmp_path: Path
) -> None:
    write(tmp_path / name)
    assert put(project, tmp_path / name) == (name, (tmp_path / name).read_bytes())


def test_text_that_pillow_refuses_is_left_out(project: Project, tmp_path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("notes", "x" * 2_000_000, zip=True)
    pixels = np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png", pnginfo=text)
    record = project.add_image(tmp_path / "a.png")
    output, report = Kept(), ExportReport()
    ImageWriter(ExportSession(project, output, report=report)).put(record)
    with Image.open(io.BytesIO(output.files["a.png"])) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)
    assert list(report.altered) == [("image", "metadata that are too large for most readers left out")]


@pytest.mark.parametrize(
    ("name", "written"),
    [("a.jfif", "a.jpg"), ("a.v2", "a.v2.jpg"), ("a", "a.jpg"), ("a.JPEG", "a.JPEG"), ("a.png", "a.png")],
)
def test_suffixes_that_no_tool_lists(name: str, written: str, project: Project, photos: list[Path]) -> None:
    record = project.add_image(photos[2], name=name)
    assert ImageWriter(ExportSession(project, Kept())).put(record) == written
