"""Pictures of every kind come in right or are refused in one sentence; the letterbox is undone exactly."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from refseg.errors import ImageError
from refseg.images import PAD_VALUE, Letterbox, load_image, save_png, to_tensor


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format=kind, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", b"")
        + chunk(b"IEND", b"")
    )


def test_every_way_in_gives_the_same_pixels(sample_image: NDArray[np.uint8], tmp_path: Path) -> None:
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


def test_colour_modes() -> None:
    red = Image.new("RGB", (4, 3), (255, 0, 0))
    assert load_image(encoded(red.convert("P"), "PNG"))[0, 0].tolist() == [255, 0, 0]
    assert load_image(encoded(red.convert("CMYK"), "TIFF"))[0, 0].tolist() == [255, 0, 0]
    assert load_image(encoded(Image.new("L", (4, 3), 77)))[2, 3].tolist() == [77, 77, 77]
    assert load_image(encoded(Image.new("1", (4, 3), 1)))[2, 3].tolist() == [255, 255, 255]
    assert load_image(encoded(Image.new("RGBA", (4, 3), (255, 0, 0, 0))))[0, 0].tolist() == [255, 255, 255]
    assert load_image(encoded(Image.new("RGBA", (4, 3), (255, 0, 0, 255))))[0, 0].tolist() == [255, 0, 0]


def test_sixteen_bits_keep_their_range() -> None:
    deep = Image.fromarray(np.array([[0, 32768, 65535]], dtype=np.uint16))
    assert load_image(encoded(deep))[0, :, 0].tolist() == [0, 128, 255]


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (5, 5), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert load_image(data)[0, 0].tolist() == [255, 0, 0]


def test_one_pixel() -> None:
    assert load_image(encoded(Image.new("RGB", (1, 1), (9, 8, 7)))).tolist() == [[[9, 8, 7]]]


def test_too_many_pixels_are_refused_from_the_header() -> None:
    with pytest.raises(ImageError, match="at most 50 megapixels"):
        load_image(png_header(20_000, 20_000))
    with pytest.raises(ImageError, match=r"8000 x 8000 = 64 megapixels, expected at most 50"):
        load_image(png_header(8000, 8000))


@pytest.mark.parametrize(
    "data",
    [b"", b"this is a text, not a picture", png_header(10, 10), encoded(Image.new("RGB", (64, 64), "red"), "JPEG")[:300], b"GIF89a"],
    ids=["empty", "text", "no-pixels", "cut-off", "gif-header"],
)
def test_what_is_no_picture_is_refused_in_one_line(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    with pytest.raises(ImageError) as caught:
        load_image(path)
    assert "\n" not in str(caught.value)
    assert "photo.jpg" in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="nothing"):
        load_image(tmp_path / "nothing.jpg")


@pytest.mark.parametrize(
    "array", [np.zeros((4, 4, 3)), np.zeros((4, 4, 2), np.uint8), np.zeros(4, np.uint8), np.zeros((0, 4, 3), np.uint8)]
)
def test_arrays_of_another_kind_are_refused(array: NDArray[np.generic]) -> None:
    with pytest.raises(ImageError):
        load_image(array)


@given(st.integers(1, 700), st.integers(1, 700), st.sampled_from([32, 64, 416]))
@settings(max_examples=60, deadline=None)
def test_letterbox_geometry(height: int, width: int, size: int) -> None:
    box = Letterbox(height, width, size)
    h, w = box.inner
    assert max(h, w) == size
    assert 0 <= size - h - 2 * box.top <= 1
    assert 0 <= size - w - 2 * box.left <= 1
    square = box.forward(np.ones((height, width), np.uint8), 0)
    assert square.shape == (size, size)
    assert int(square.sum()) == h * w
    assert box.inverse(square.astype(np.float32)).shape == (height, width)
    points = np.array([[0.0, 0.0], [width, height], [width / 3, height / 2]])
    np.testing.assert_allclose(box.inverse_points(box.forward_points(points)), points, atol=1e-9)
    np.testing.assert_allclose(box.forward_points(points)[1], (box.left + w, box.top + h))


@given(st.floats(-1, 1), st.floats(-1, 1), st.integers(40, 300), st.integers(40, 300))
@settings(max_examples=30, deadline=None)
def test_letterbox_round_trip_of_a_ramp(slope_x: float, slope_y: float, height: int, width: int) -> None:
    y, x = np.mgrid[:height, :width]
    ramp = (slope_x * (x / width) + slope_y * (y / height)).astype(np.float32)
    box = Letterbox(height, width, 416)
    back = box.inverse(box.forward(ramp, 0.0))
    inner = np.s_[2:-2, 2:-2]
    np.testing.assert_allclose(back[inner], ramp[inner], atol=0.02)


def test_letterbox_of_the_right_size_changes_nothing(sample_image: NDArray[np.uint8]) -> None:
    square = sample_image[:60, :60]
    box = Letterbox.of(square, 60)
    np.testing.assert_array_equal(box.forward(square), square)


def test_letterbox_border_and_extreme_shapes() -> None:
    square = Letterbox(1, 5000, 64).forward(np.zeros((1, 5000, 3), np.uint8))
    assert (square[0] == PAD_VALUE).all()
    assert (square[32 - 1 : 33].min(axis=(1, 2)) == 0).any()
    with pytest.raises(ValueError, match="5 x 5"):
        Letterbox(4, 4, 64).forward(np.zeros((5, 5), np.uint8))


def test_to_tensor(sample_image: NDArray[np.uint8]) -> None:
    tensor = to_tensor(sample_image)
    assert tuple(tensor.shape) == (3, 60, 90)
    assert float(tensor[0, 30, 22]) == pytest.approx(220 / 255)


def test_save_png_is_whole_and_leaves_nothing_behind(sample_image: NDArray[np.uint8], tmp_path: Path) -> None:
    save_png(tmp_path / "a.png", sample_image)
    np.testing.assert_array_equal(load_image(tmp_path / "a.png"), sample_image)
    with pytest.raises(TypeError):
        save_png(tmp_path / "b.png", np.zeros((2, 2), dtype=complex))  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
