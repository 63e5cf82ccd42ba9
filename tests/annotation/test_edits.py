"""Strokes and repairs against what they say they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from refseg.annotation.edits import draw_stroke, fill_holes, largest_component, smooth
from refseg.errors import ProjectError

MASKS = arrays.arrays(np.bool_, st.tuples(st.integers(1, 14), st.integers(1, 14)))
PLACES = st.lists(st.tuples(st.floats(-20, 60), st.floats(-20, 50)), min_size=1, max_size=5)


def distance_to(line: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """From the middle of every pixel to a line through points, by brute force."""
    ys, xs = np.mgrid[: shape[0], : shape[1]] + 0.5
    pixels = np.stack([xs, ys], axis=-1)
    nearest = np.full(shape, np.inf)
    for start, end in zip(line, [*line[1:], line[-1]], strict=True):
        along = end - start
        length = float(along @ along)
        share = np.clip((pixels - start) @ along / length, 0, 1) if length else np.zeros(shape)
        nearest = np.minimum(nearest, np.linalg.norm(pixels - (start + share[..., None] * along), axis=-1))
    return nearest


@given(PLACES, st.floats(1, 12), st.booleans())
def test_a_stroke_is_all_within_its_radius(places: list[tuple[float, float]], radius: float, add: bool) -> None:
    before = np.indices((30, 40)).sum(axis=0) % 2 == 0
    line = np.array(places)
    after = draw_stroke(before, line, radius, add)
    distance = distance_to(line, before.shape)
    assert (after == before)[distance > radius + 2].all()  # the line goes through whole pixels
    assert (after == add)[distance <= radius - 2].all()


def test_a_dot_is_a_disc() -> None:
    drawn = draw_stroke(np.zeros((21, 21), bool), np.array([[10.5, 10.5]]), 6, True)
    ys, xs = np.mgrid[:21, :21]
    np.testing.assert_array_equal(drawn, np.hypot(xs - 10, ys - 10) <= 6)
    assert not draw_stroke(drawn, np.array([[10.2, 10.9]]), 6, False).any()


@pytest.mark.parametrize(
    ("points", "radius"),
    [
        (np.zeros((0, 2)), 3),
        (np.zeros((4, 3)), 3),
        (np.array([[np.nan, 1]]), 3),
        (np.ones((1, 2)), 0),
        (np.ones((1, 2)), 1e9),
    ],
)
def test_unusable_strokes_are_refused(points: np.ndarray, radius: float) -> None:
    with pytest.raises(ProjectError, match=r"stroke|brush"):
        draw_stroke(np.zeros((5, 5), bool), points, radius, True)


def flooded(mask: np.ndarray) -> np.ndarray:
    """Background that a flood from outside reaches, by brute force."""
    reached = np.pad(np.zeros_like(mask), 1, constant_values=True)
    free = np.pad(~mask, 1, constant_values=True)
    while True:
        grown = reached.copy()
        grown[1:] |= reached[:-1]
        grown[:-1] |= reached[1:]
        grown[:, 1:] |= reached[:, :-1]
        grown[:, :-1] |= reached[:, 1:]
        grown &= free
        if (grown == reached).all():
            return reached[1:-1, 1:-1]
        reached = grown


@given(MASKS)
def test_holes_are_what_no_flood_reaches(mask: np.ndarray) -> None:
    np.testing.assert_array_equal(fill_holes(mask), ~flooded(mask))


@given(MASKS)
def test_the_largest_component_is_one_piece_of_the_mask(mask: np.ndarray) -> None:
    largest = largest_component(mask)
    assert not (largest & ~mask).any() and largest.any() == mask.any()
    np.testing.assert_array_equal(largest_component(largest), largest)


def test_the_largest_component_is_the_largest() -> None:
    mask = np.zeros((20, 20), bool)
    mask[:3, :3] = mask[10:18, 10:18] = mask[18, 18] = True  # the last touches by a corner
    assert largest_component(mask).sum() == 65


def test_smoothing_takes_hairs_off_and_leaves_the_shape_and_the_picture_border() -> None:
    mask = np.zeros((200, 300), bool)
    mask[50:, :150] = True
    hairy = mask.copy()
    hairy[20:50, 70] = True
    hairy[100:102, 150:170] = True
    hairy[120, 40] = False
    calm = smooth(hairy)
    assert (
        (calm ^ mask).sum() < 0.002 * mask.sum() and not calm[:45].any() and calm[60:, 0].all() and calm[-1, :140].all()
    )
    assert calm[120, 40] and not smooth(np.zeros((5, 5), bool)).any() and smooth(np.ones((5, 5), bool)).all()
