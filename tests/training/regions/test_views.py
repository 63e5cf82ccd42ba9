"""Looks at a training picture: boxes go where the picture goes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from refseg.letterbox import PAD_VALUE, network_input
from refseg.training.regions.views import ImageView, render_view, views_of

SIZE = 64


def picture(height: int, width: int, box: tuple[int, int, int, int]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Black with a white box, and that box in shares."""
    x1, y1, x2, y2 = box
    image = np.zeros((height, width, 3), np.uint8)
    image[y1:y2, x1:x2] = 255
    return image, np.array([[x1 / width, y1 / height, x2 / width, y2 / height]], dtype=np.float32)


def test_a_plain_look_is_what_the_network_is_given() -> None:
    image, boxes = picture(30, 50, (5, 10, 20, 20))
    images, windows, corners = render_view(image, boxes, ImageView(), SIZE)
    letterbox, expected, place = network_input(image, SIZE)
    assert torch.equal(images, expected) and torch.equal(windows, place)
    np.testing.assert_allclose(
        corners.numpy().reshape(-1, 2), letterbox.forward_points(np.array([[5, 10], [20, 20]])), atol=1e-4
    )


@settings(deadline=None)
@given(
    st.integers(20, 60),
    st.integers(20, 60),
    st.booleans(),
    st.floats(0.6, 0.9),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_the_box_is_where_it_is_said_to_be(
    height: int, width: int, mirrored: bool, side: float, place: tuple[float, float]
) -> None:
    image, boxes = picture(height, width, (2, 4, 12, 16))
    images, windows, corners = render_view(image, boxes, ImageView(mirrored, side, place), SIZE)
    x1, y1, x2, y2 = corners[0].tolist()
    left, top, right, bottom = windows[0].tolist()
    assert 0 <= left <= x1 < x2 <= right <= SIZE and 0 <= top <= y1 < y2 <= bottom <= SIZE
    columns, rows = torch.meshgrid(torch.arange(SIZE) + 0.5, torch.arange(SIZE) + 0.5, indexing="xy")
    blurred = (
        1 + (right - left) / width / 2
    )  # an enlarged edge fades over one pixel of the original, half of it on either side
    well_in = (columns > x1 + blurred) & (columns < x2 - blurred) & (rows > y1 + blurred) & (rows < y2 - blurred)
    out = (columns < x1 - blurred) | (columns > x2 + blurred) | (rows < y1 - blurred) | (rows > y2 + blurred)
    well_out = out & _inside(columns, rows, windows[0])
    assert well_in.any() and well_out.any()
    assert (images[0, :, well_in] > 0.9).all() and (images[0, :, well_out] < 0.1).all()
    border = ~_inside(columns, rows, windows[0])
    torch.testing.assert_close(images[0, :, border], torch.full((3, int(border.sum())), PAD_VALUE / 255))


def _inside(columns: torch.Tensor, rows: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
    left, top, right, bottom = window.tolist()
    return (columns > left) & (columns < right) & (rows > top) & (rows < bottom)


def test_light_changes_the_picture_and_not_its_border() -> None:
    image, boxes = picture(20, 40, (0, 0, 20, 20))
    images, windows, _ = render_view(image, boxes, ImageView(contrast=0.5, brightness=0.1), SIZE)
    left, top, right, bottom = windows[0].int().tolist()
    assert images[0, 0, (top + bottom) // 2, left + 2].item() == pytest.approx(0.85, abs=0.01)
    assert images[0, 0, (top + bottom) // 2, right - 2].item() == pytest.approx(0.35, abs=0.01)
    assert images[0, 0, 0, 0].item() == pytest.approx(PAD_VALUE / 255)


@pytest.mark.parametrize(("flippable", "count"), [(True, 4), (False, 2)])
def test_mirrored_where_that_is_allowed(flippable: bool, count: int) -> None:
    looks = list(views_of(flippable, np.random.default_rng(0)))
    assert len(looks) == count and looks[0] == ImageView() and any(look.mirrored for look in looks) == flippable
    assert len({look.side for look in looks}) > 1
