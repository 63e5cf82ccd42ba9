"""Encoding of images and maps for the browser."""

import base64
import re

import cv2
import numpy as np
import pytest

from refseg.image_encoding import (
    colorized,
    gray_uri,
    jpeg_uri,
    legend_gradient,
    place_of_maximum,
    reduced_image,
    reduced_map,
    view_size,
)


def decode(uri: str) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(uri.split(",", 1)[1]), np.uint8)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED))


@pytest.mark.parametrize(
    ("size", "expected"), [((100, 50), (100, 50)), ((3200, 1600), (1600, 800)), ((1, 40000), (1, 1600))]
)
def test_view_size(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert view_size(*size) == expected


def test_small_images_are_not_resized() -> None:
    image = np.zeros((20, 30, 3), np.uint8)
    assert reduced_image(image) is image
    assert reduced_image(image, 15).shape == (10, 15, 3)


def test_maps_and_images_are_resized_alike() -> None:
    mask = np.zeros((40, 60), bool)
    mask[:, :20] = True
    image = np.repeat(mask[..., None].astype(np.uint8) * 255, 3, axis=2)
    assert np.allclose(reduced_map(mask, 17), reduced_image(image, 17)[..., 0] / 255, atol=1 / 255)


def test_gray_uri_keeps_values_to_one_level() -> None:
    values = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
    assert np.array_equal(decode(gray_uri(values)), np.arange(256, dtype=np.uint8).reshape(16, 16))
    assert set(np.unique(decode(gray_uri(np.eye(4, dtype=np.float32))))) == {0, 255}


def test_jpeg_uri_keeps_the_color_order() -> None:
    red = np.full((16, 16, 3), (250, 10, 10), np.uint8)
    blue, _, channel = decode(jpeg_uri(red))[8, 8]
    assert channel > 230 and blue < 40


def test_map_colors_match_the_legend() -> None:
    ramp = np.linspace(0, 1, 9, dtype=np.float32)[None]
    pixels = colorized(ramp, np.zeros((1, 9, 3), np.uint8), strength=1)[0]
    stops = re.findall(r"rgb\((\d+) (\d+) (\d+)\)", legend_gradient(9))
    assert [tuple(map(int, stop)) for stop in stops] == [tuple(map(int, pixel)) for pixel in pixels]


@pytest.mark.parametrize(
    ("row", "column", "text"), [(15, 15, "in the middle"), (29, 15, "at the bottom"), (15, 0, "at the left")]
)
def test_place_of_maximum(row: int, column: int, text: str) -> None:
    values = np.zeros((30, 30))
    values[row, column] = 1
    assert place_of_maximum(values) == text
