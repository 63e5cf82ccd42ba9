"""Images of every format are loaded correctly or rejected with a one-line error."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from refseg.errors import ImageError
from refseg.images import load_image, read_image_header, read_image_size, save_png


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG whose header has a size but which has no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", b"")
        + chunk(b"IEND", b"")
    )


def test_every_source_gives_the_same_pixels(sample_image: NDArray[np.uint8], tmp_path: Path) -> None:
    data = encoded(Image.fromarray(sample_image))
    path = tmp_path / "photo.png"
    path.write_bytes(data)
    for source in (path, str(path), data, io.BytesIO(data), Image.fromarray(sample_image), sample_image):
        np.testing.assert_array_equal(load_image(source), sample_image)


def test_rotated_by_exif(sample_image: NDArray[np.uint8]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn clockwise
    stored = Image.fromarray(np.rot90(sample_image))
    np.testing.assert_array_equal(load_image(encoded(stored, "PNG", exif=exif.tobytes())), sample_image)


def test_color_modes() -> None:
    red = Image.new("RGB", (4, 3), (255, 0, 0))
    assert load_image(encoded(red.convert("P"), "PNG"))[0, 0].tolist() == [255, 0, 0]
    assert load_image(encoded(red.convert("CMYK"), "TIFF"))[0, 0].tolist() == [255, 0, 0]
    assert load_image(encoded(Image.new("L", (4, 3), 77)))[2, 3].tolist() == [77, 77, 77]
    assert load_image(encoded(Image.new("1", (4, 3), 1)))[2, 3].tolist() == [255, 255, 255]
    assert load_image(encoded(Image.new("RGBA", (4, 3), (255, 0, 0, 0))))[0, 0].tolist() == [255, 255, 255]
    assert load_image(encoded(Image.new("RGBA", (4, 3), (255, 0, 0, 255))))[0, 0].tolist() == [255, 0, 0]


def test_cmyk_jpeg(sample_image: NDArray[np.uint8]) -> None:
    loaded = load_image(encoded(Image.fromarray(sample_image).convert("CMYK"), "JPEG", quality=98))
    assert np.abs(loaded.astype(int) - sample_image).mean() < 3


def test_half_transparent_is_blended_with_white() -> None:
    assert load_image(encoded(Image.new("RGBA", (2, 2), (255, 0, 0, 128))))[0, 0].tolist() == [255, 127, 127]
    assert load_image(encoded(Image.new("LA", (2, 2), (0, 51))))[0, 0].tolist() == [204, 204, 204]
    assert load_image(np.array([[[255, 0, 0, 128]]], np.uint8))[0, 0].tolist() == [255, 127, 127]


@pytest.mark.parametrize(("mode", "transparent"), [("P", 0), ("L", 0), ("1", 0), ("RGB", (0, 0, 0))])
def test_a_transparent_color_is_white(mode: str, transparent: int | tuple[int, int, int]) -> None:
    image = Image.new(mode, (2, 1), 0)
    assert load_image(encoded(image))[0, 0].tolist() == [0, 0, 0]
    assert load_image(encoded(image, transparency=transparent))[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_keep_their_range(kind: str) -> None:
    deep = Image.fromarray(np.array([[0, 257, 32768, 65535]], dtype=np.uint16))
    assert load_image(encoded(deep, kind))[0, :, 0].tolist() == [0, 1, 128, 255]


def test_floating_point_tiff_has_range_0_to_1_or_0_to_255() -> None:
    assert load_image(encoded(Image.fromarray(np.array([[0, 0.5, 1]], np.float32)), "TIFF"))[0, :, 1].tolist() == [
        0,
        128,
        255,
    ]
    assert load_image(encoded(Image.fromarray(np.array([[0, np.nan, 200]], np.float32)), "TIFF"))[0, :, 1].tolist() == [
        0,
        0,
        200,
    ]


def test_the_array_is_copied(sample_image: NDArray[np.uint8]) -> None:
    loaded = load_image(sample_image)
    sample_image[:] = 0
    assert loaded.any()
    assert load_image(np.full((3, 2), 9, np.uint8)).tolist() == [[[9] * 3] * 2] * 3
    assert load_image(np.full((3, 2, 1), 9, np.uint8)).tolist() == [[[9] * 3] * 2] * 3


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (5, 5), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert load_image(data)[0, 0].tolist() == [255, 0, 0]


def test_one_pixel() -> None:
    assert load_image(encoded(Image.new("RGB", (1, 1), (9, 8, 7)))).tolist() == [[[9, 8, 7]]]


def test_too_many_pixels_are_rejected_by_the_header() -> None:
    with pytest.raises(ImageError, match="at most 50 megapixels"):
        load_image(png_header(20_000, 20_000))
    with pytest.raises(ImageError, match=r"8000 x 8000 = 64 megapixels, expected at most 50"):
        load_image(png_header(8000, 8000))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"this is a text, not an image",
        png_header(10, 10),
        encoded(Image.new("RGB", (64, 64), "red"), "JPEG")[:300],
        b"GIF89a",
    ],
    ids=["empty", "text", "no-pixels", "cut-off", "gif-header"],
)
def test_files_that_are_no_images_are_rejected_in_one_line(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    with pytest.raises(ImageError) as caught:
        load_image(path)
    assert "\n" not in str(caught.value)
    assert "photo.jpg" in str(caught.value)


def test_formats_that_start_other_programs_are_not_opened() -> None:
    postscript = encoded(Image.new("RGB", (8, 8), "red"), "EPS")
    with pytest.raises(ImageError, match="is not an image that can be read"):
        load_image(postscript)


def test_invalid_metadata_has_no_effect() -> None:
    odd = encoded(Image.new("RGB", (4, 4), "red"), "JPEG", exif=b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff")
    assert load_image(odd).shape == (4, 4, 3)


def test_errors_name_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"cannot read nothing\.jpg: No such file"):
        load_image(tmp_path / "nothing.jpg")
    with pytest.raises(ImageError, match=f"cannot read {tmp_path.name}"):
        load_image(tmp_path)
    with pytest.raises(ImageError, match="of type int"):
        load_image(3)  # type: ignore[arg-type]
    with pytest.raises(ImageError, match="cannot be decoded"):
        load_image(io.StringIO("text"))  # type: ignore[arg-type]


_WHOLE = {
    "jpeg": encoded(Image.radial_gradient("L").resize((24, 20)).convert("RGB"), "JPEG"),
    "png": encoded(Image.radial_gradient("L").resize((24, 20)).quantize(8)),
    "gif": encoded(Image.radial_gradient("L").resize((24, 20)), "GIF"),
    "webp": encoded(Image.radial_gradient("L").resize((24, 20)).convert("RGBA"), "WEBP"),
    "bmp": encoded(Image.radial_gradient("L").resize((24, 20)), "BMP"),
    "tiff": encoded(Image.radial_gradient("L").resize((24, 20)), "TIFF"),
}


@given(
    st.sampled_from(sorted(_WHOLE)),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8),
    st.integers(1, 4000),
)
@settings(max_examples=250, deadline=None)
def test_a_damaged_file_is_loaded_or_rejected_in_one_line(
    kind: str, changes: list[tuple[int, int]], length: int
) -> None:
    data = bytearray(_WHOLE[kind])
    for position, value in changes:
        data[position % len(data)] = value
    message, loaded = "the image", np.zeros((1, 1, 3), np.uint8)
    try:
        loaded = load_image(bytes(data[:length]))
    except ImageError as error:
        message = str(error)
    assert message.startswith("the image")
    assert "\n" not in message
    assert loaded.dtype == np.uint8
    assert loaded.shape[2:] == (3,)


@pytest.mark.parametrize(
    "array", [np.zeros((4, 4, 3)), np.zeros((4, 4, 2), np.uint8), np.zeros(4, np.uint8), np.zeros((0, 4, 3), np.uint8)]
)
def test_arrays_of_other_types_are_rejected(array: NDArray[np.generic]) -> None:
    with pytest.raises(ImageError):
        load_image(array)


def test_save_png_is_atomic(sample_image: NDArray[np.uint8], tmp_path: Path) -> None:
    save_png(tmp_path / "a.png", sample_image)
    np.testing.assert_array_equal(load_image(tmp_path / "a.png"), sample_image)
    with pytest.raises(TypeError):
        save_png(tmp_path / "b.png", np.zeros((2, 2), dtype=complex))  # type: ignore[arg-type]
    with pytest.raises(ImageError, match="cannot write"):
        save_png(tmp_path / "no" / "c.png", sample_image)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_header_has_the_size_of_the_loaded_image(orientation: int, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"photo.{ending}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (30, 20), "red").save(path, exif=exif)
    assert read_image_size(path) == load_image(path).shape[:2]
    assert read_image_header(path).upright == (orientation == 1)


def test_reading_the_size_of_another_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "notes.png"
    path.write_text("hello")
    with pytest.raises(ImageError, match=r"notes\.png is not an image"):
        read_image_size(path)
    with pytest.raises(ImageError, match="is not an image"):
        read_image_size(tmp_path / "none.png")


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (b"tEXt", b"prompt\0" + b"x" * 2_000_000),
        (b"zTXt", b"prompt\0\0" + zlib.compress(b"x" * 2_000_000)),
        (b"iTXt", b"prompt\0\0\0\0\0" + b"x" * 2_000_000),
        (b"iTXt", b"prompt\0\1\0\0\0" + zlib.compress(b"x" * 2_000_000)),
        (b"iCCP", b"profile\0\0" + zlib.compress(b"x" * 2_000_000)),
        (b"iCCP", b"profile\0\0" + zlib.compress(bytes(400_000_000), 9)),
        (b"zTXt", b"no compressed data"),
    ],
)
@pytest.mark.parametrize("as_bytes", [False, True])
def test_long_text_and_profiles_have_no_effect(kind: bytes, data: bytes, as_bytes: bool, tmp_path: Path) -> None:
    """Image generators write their settings into PNG files."""
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    save_png(tmp_path / "a.png", pixels)
    whole = (tmp_path / "a.png").read_bytes()
    chunk = struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    content = whole[:33] + chunk * 3 + whole[33:]
    (tmp_path / "a.png").write_bytes(content)
    source: Any = content if as_bytes else tmp_path / "a.png"
    np.testing.assert_array_equal(load_image(source), pixels)
    assert read_image_size(tmp_path / "a.png") == (5, 7)


def test_many_texts_that_are_long_together(tmp_path: Path) -> None:
    save_png(tmp_path / "a.png", np.zeros((5, 7, 3), np.uint8))
    whole = (tmp_path / "a.png").read_bytes()
    data = b"prompt\0\0" + zlib.compress(b"x" * 900_000)
    chunk = struct.pack(">I", len(data)) + b"zTXt" + data + struct.pack(">I", zlib.crc32(b"zTXt" + data))
    (tmp_path / "a.png").write_bytes(whole[:33] + chunk * 100 + whole[33:])
    assert load_image(tmp_path / "a.png").shape == (5, 7, 3)


def test_the_orientation_in_short_text_is_kept(tmp_path: Path) -> None:
    """Pillow reads it from XMP, which is text."""
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    data = b"XML:com.adobe.xmp\0\0\0\0\0" + xmp
    long = b"prompt\0" + b"x" * 80_000_000
    save_png(tmp_path / "a.png", np.zeros((5, 7, 3), np.uint8))
    whole = (tmp_path / "a.png").read_bytes()
    chunks = b"".join(
        struct.pack(">I", len(one)) + kind + one + struct.pack(">I", zlib.crc32(kind + one))
        for kind, one in ((b"iTXt", data), (b"tEXt", long))
    )
    (tmp_path / "a.png").write_bytes(whole[:33] + chunks + whole[33:])
    assert load_image(tmp_path / "a.png").shape == (7, 5, 3)
