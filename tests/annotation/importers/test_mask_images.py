"""What the values of a mask file mean."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from refseg.annotation.importers.mask_images import object_numbers, read_binary_mask, read_label_image
from refseg.errors import DataError
from refseg.video.formats import davis_palette
from tests.annotation.importers.data_sets import MUG, SPOON, area_mask, label_array

MASK = area_mask(MUG)
RED, BLACK, WHITE, BLUE = (200, 0, 0), (0, 0, 0), (255, 255, 255), (0, 0, 200)


def encoded(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    data = io.BytesIO()
    image.save(data, format=form, **options)
    return data.getvalue()


def grey(value: int, background: int = 0, dtype: Any = np.uint8) -> bytes:
    return encoded(Image.fromarray(np.where(MASK, value, background).astype(dtype)))


def colored(inside: tuple[int, ...], outside: tuple[int, ...]) -> bytes:
    return encoded(Image.fromarray(np.where(MASK[..., None], inside, outside).astype(np.uint8)))


def indexed(inside: int, outside: int, palette: list[int], **options: Any) -> bytes:
    image = Image.frombytes("P", MASK.shape[::-1], np.where(MASK, inside, outside).astype(np.uint8).tobytes())
    image.putpalette(palette)
    return encoded(image, **options)


def random_rgba(alpha_inside: int) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (*MASK.shape, 4), dtype=np.uint8)
    pixels[..., 3] = np.where(MASK, alpha_inside, 0)
    return encoded(Image.fromarray(pixels))


@pytest.mark.parametrize(
    "data",
    [
        grey(1),
        grey(255),
        grey(7),
        grey(1, dtype=bool),
        grey(65535, dtype=np.uint16),
        grey(1, dtype=np.uint16),
        grey(300, dtype=np.uint16),
        encoded(Image.fromarray(MASK), "BMP"),
        encoded(Image.fromarray(MASK.astype(np.float32)), "TIFF"),
        encoded(Image.fromarray(MASK.astype(np.uint8) * 255), "GIF"),
        colored(WHITE, BLACK),
        colored((1, 1, 1), BLACK),
        colored(RED, BLACK),
        colored((*WHITE, 255), (*BLACK, 255)),
        colored((*RED, 255), (*BLACK, 255)),
        colored((*WHITE, 255), (*BLACK, 0)),
        colored((*BLACK, 255), (*BLACK, 0)),
        colored((*RED, 128), (*RED, 0)),
        colored((*WHITE, 255), (*WHITE, 0)),
        colored((*WHITE, 0), (*BLACK, 0)),
        random_rgba(255),
        encoded(Image.fromarray(np.stack([np.where(MASK, 255, 0), np.where(MASK, 255, 0)], axis=2).astype(np.uint8))),
        indexed(1, 0, davis_palette()),
        indexed(255, 0, [side for n in range(256) for side in (n, n, n)]),
        indexed(1, 0, [*BLACK, *WHITE]),
        indexed(0, 1, [*WHITE, *BLACK]),
        indexed(1, 0, [*WHITE, *RED]),
        indexed(1, 0, [*BLACK, *BLACK]),
        indexed(1, 0, [*RED, *RED], transparency=0),
    ],
)
def test_one_object_in_many_ways(data: bytes) -> None:
    np.testing.assert_array_equal(read_binary_mask(data).pixels, MASK)


def test_white_on_black_inside_an_opaque_part() -> None:
    """Transparent around, black and white inside: white is the object."""
    pixels = np.zeros((*MASK.shape, 4), np.uint8)
    pixels[10:60, 10:90, 3] = 255
    pixels[MUG] = (255, 255, 255, 255)
    np.testing.assert_array_equal(read_binary_mask(encoded(Image.fromarray(pixels))).pixels, MASK)


def test_soft_edges_are_reported() -> None:
    soft = MASK.astype(np.uint8) * 255
    soft[20, 30:70], soft[19, 30:70] = 200, 60
    found = read_binary_mask(encoded(Image.fromarray(soft)))
    np.testing.assert_array_equal(found.pixels, MASK)
    assert "soft edges" in found.note


def test_jpeg_masks_have_noise_but_no_numbers() -> None:
    found = read_binary_mask(encoded(Image.fromarray(MASK.astype(np.uint8) * 255), "JPEG", quality=40))
    assert (found.pixels ^ MASK).sum() <= 20
    with pytest.raises(DataError, match="is a JPEG"):
        read_label_image(encoded(Image.fromarray(label_array()), "JPEG"))


@pytest.mark.parametrize("between", [(1, 2), (85, 170)])
def test_other_objects_beside_a_border_of_255_are_not_soft_edges(between: tuple[int, int]) -> None:
    labels = label_array(mug=between[0], spoon=between[1])
    labels[0, :40] = 255
    with pytest.raises(DataError, match="has values other than 0 and one more"):
        read_binary_mask(encoded(Image.fromarray(labels)))


@pytest.mark.parametrize("value", [1, 255])
def test_a_full_mask_is_told(value: int) -> None:
    data = encoded(Image.fromarray(np.full((5, 6), value, np.uint8)))
    found = read_binary_mask(data)
    assert found.pixels.all() and found.note == "covers every pixel of the image"
    assert read_binary_mask(data, is_cropped=True).note == ""


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (encoded(Image.fromarray(np.zeros((5, 6), np.uint8))), "is empty"),
        (encoded(Image.fromarray(np.full((5, 6), 9, np.uint8))), "has one value only"),
        (encoded(Image.fromarray(np.full((5, 6, 3), RED, np.uint8))), "has one color only"),
        (encoded(Image.fromarray(np.zeros((5, 6, 4), np.uint8))), "is empty"),
        (encoded(Image.fromarray(label_array())), "has values other than 0 and one more"),
        (grey(200, 100), "has values other than 0 and one more"),
        (colored(RED, BLUE), "has colors other than one on black"),
        (
            encoded(Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8))),
            "has colors other than",
        ),
        (
            encoded(Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 60), dtype=np.uint8))),
            "has values other than",
        ),
        (encoded(Image.fromarray(label_array(mug=100, spoon=255)), "JPEG"), "has values other than 0 and one more"),
        (grey(1)[:80], "is not an image that can be read"),
        (b"", "is not an image that can be read"),
    ],
)
def test_what_is_no_mask_of_one_object(data: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        read_binary_mask(data)


def test_much_text_in_a_mask(tmp_path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("history", "x" * 3_000_000, zip=True)
    (tmp_path / "a.png").write_bytes(encoded(Image.fromarray(MASK), pnginfo=text))
    np.testing.assert_array_equal(read_binary_mask(tmp_path / "a.png").pixels, MASK)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 254), st.integers(1, 254), st.booleans())
def test_numbers_of_label_images(one: int, other: int, has_palette: bool) -> None:
    labels = label_array(mug=one, spoon=other)
    image = Image.frombytes("P" if has_palette else "L", labels.shape[::-1], labels.tobytes())
    if has_palette:
        image.putpalette(davis_palette())
    for found in (read_label_image(encoded(image)), read_label_image(encoded(image.convert("RGB")))):
        if found.meaning == "file" or has_palette:
            np.testing.assert_array_equal(found.numbers, labels)
        assert (found.numbers[MUG] != 0).all() and (found.numbers[0] == 0).all()


def test_a_palette_made_for_its_colors_is_read_by_them() -> None:
    """Black has not the number 0, so the numbers mean nothing."""
    labels = label_array()
    image = Image.frombytes("P", labels.shape[::-1], (2 - labels).astype(np.uint8).tobytes())
    image.putpalette([*BLUE, *RED, *BLACK])
    numbers = read_label_image(encoded(image)).numbers
    assert len(np.unique(numbers)) == 3 and (numbers == 0).sum() == (labels == 0).sum()
    assert len(np.unique(numbers[MUG])) == len(np.unique(numbers[SPOON])) == 1


@pytest.mark.parametrize("factor", [2, 4])
def test_an_enlarged_mask_is_one_object_with_soft_edges(factor: int) -> None:
    image = Image.fromarray(MASK.astype(np.uint8) * 255)
    small = image.resize((image.width // factor, image.height // factor), Image.Resampling.BILINEAR)
    found = read_binary_mask(encoded(small.resize(image.size, Image.Resampling.BICUBIC)))
    assert "soft edges" in found.note
    assert (found.pixels & MASK).sum() > 0.7 * (found.pixels | MASK).sum()


@given(st.lists(st.integers(1, 254), min_size=12, max_size=40, unique=True))
def test_many_small_objects_are_not_soft_edges(numbers: list[int]) -> None:
    labels = np.zeros((40, 200), np.uint8)
    for place, number in enumerate(sorted(numbers)):
        labels[2:6, 4 * place + 2 : 4 * place + 6] = number
    labels[20:30, 20:40] = 255
    labels[32:38, 20:40] = numbers[0]
    with pytest.raises(DataError):
        read_binary_mask(encoded(Image.fromarray(labels)))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 128, 255], [128, 255]),
        ([0, 1, 2, 255], [1, 2]),
        ([0, 255], [255]),
        ([0, 1, 255, 300], [1, 255, 300]),
        ([0], []),
    ],
)
def test_255_is_a_border_beside_small_numbers_only(values: list[int], expected: list[int]) -> None:
    assert object_numbers(np.array([values])) == expected
