"""The letterbox fits every image into its square, and its inverse is exact."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from refseg.letterbox import PAD_VALUE, Letterbox, network_input, to_tensor


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
    np.testing.assert_allclose(box.forward_points(points)[:2].ravel(), box.corners)
    assert (box.scaled.height, box.scaled.width) == box.scaled.inner == box.inner and box.scaled.window == box.window


@given(st.floats(-1, 1), st.floats(-1, 1), st.integers(40, 300), st.integers(40, 300))
@settings(max_examples=30, deadline=None)
def test_letterbox_round_trip_of_a_ramp(slope_x: float, slope_y: float, height: int, width: int) -> None:
    y, x = np.mgrid[:height, :width]
    ramp = (slope_x * (x / width) + slope_y * (y / height)).astype(np.float32)
    box = Letterbox(height, width, 416)
    back = box.inverse(box.forward(ramp, 0.0))
    inner = np.s_[2:-2, 2:-2]
    np.testing.assert_allclose(back[inner], ramp[inner], atol=0.02)


@given(
    st.integers(30, 500),
    st.integers(30, 500),
    st.floats(0.25, 0.75),
    st.floats(0.25, 0.75),
    st.sampled_from([26, 104, 208]),
)
@settings(max_examples=40, deadline=None)
def test_inverse_returns_a_blob_to_its_position(height: int, width: int, x: float, y: float, grid: int) -> None:
    """A blob at a position of the square, at the resolution of the logits, has the same position in the image."""
    assume(max(height, width) <= 3 * min(height, width))  # so that the strong half of the blob is inside the image
    box = Letterbox(height, width, 208)
    center = np.array([[x * width, y * height]])
    (u, v) = box.forward_points(center)[0] * grid / 208
    rows, columns = np.mgrid[:grid, :grid] + 0.5
    sigma = grid / 26
    blob = np.exp(-((columns - u) ** 2 + (rows - v) ** 2) / (2 * sigma**2)).astype(np.float32)
    back = box.inverse(blob)
    rows, columns = np.mgrid[:height, :width] + 0.5
    weight = np.where(back > 0.5 * back.max(), back, 0)
    found = np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()
    # Half a position of the grid, in pixels of the image.
    np.testing.assert_allclose(found, center[0], atol=0.5 * max(height, width) / grid + 0.5)


@given(st.integers(1, 3), st.integers(2000, 60_000), st.booleans())
@settings(max_examples=15, deadline=None)
def test_letterbox_of_a_strip(thin: int, long: int, upright: bool) -> None:
    shape = (long, thin) if upright else (thin, long)
    box = Letterbox(*shape, 64)
    square = box.forward(np.full((*shape, 3), 9, np.uint8))
    assert (square == 9).all(axis=2).sum() == 64
    assert box.inverse(np.ones((64, 64), np.float32)).min() == 1
    assert box.inverse(np.ones((8, 8), np.float32)).shape == shape


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


def test_network_input_is_the_letterboxed_image(sample_image: NDArray[np.uint8]) -> None:
    letterbox, images, windows = network_input(sample_image, 64)
    assert letterbox == Letterbox(60, 90, 64) and images.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(images, to_tensor(letterbox.forward(sample_image)).unsqueeze(0))
    assert windows.tolist() == [[0, 10, 64, 53]]
