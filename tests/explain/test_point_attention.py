"""The attention of the position under a point: which cell, which shapes, what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refseg.errors import ExpressionError, InputError
from refseg.explain import attention_at
from refseg.explain.point_attention import cell_under
from refseg.inference.predictor import EncodedImage, Predictor
from refseg.letterbox import Letterbox

SIDES = st.integers(1, 3000)


@settings(deadline=None)
@given(height=SIDES, width=SIDES, grid=st.sampled_from([(4, 4), (32, 32), (40, 40), (1, 1)]), data=st.data())
def test_the_cell_holds_the_point(height: int, width: int, grid: tuple[int, int], data: st.DataObject) -> None:
    letterbox = Letterbox(height, width, 320)
    x = data.draw(st.floats(0, width, exclude_max=True))
    y = data.draw(st.floats(0, height, exclude_max=True))
    row, column = cell_under(letterbox, grid, x, y)
    assert 0 <= row < grid[0] and 0 <= column < grid[1]
    ((across, down),) = letterbox.forward_points(np.array([[x, y]]))
    side = 320 / grid[0]
    assert column * side - 1e-6 <= across <= (column + 1) * side + 1e-6
    assert row * side - 1e-6 <= down <= (row + 1) * side + 1e-6


@settings(deadline=None)
@given(height=SIDES, width=SIDES)
def test_cells_follow_the_point(height: int, width: int) -> None:
    """From left to right and from top to bottom cells never go back, and the border around the picture is never hit
    from within.
    """
    letterbox = Letterbox(height, width, 320)
    inner_h, inner_w = letterbox.inner
    cells = [
        cell_under(letterbox, (32, 32), width * share, height * share) for share in (0, 0.2, 0.4, 0.6, 0.8, 0.999999)
    ]
    assert cells == sorted(cells)
    (top, left), (bottom, right) = cells[0], cells[-1]
    assert (left, top) == (letterbox.left // 10, letterbox.top // 10)
    assert right <= (letterbox.left + inner_w) / 10 and bottom <= (letterbox.top + inner_h) / 10


def test_shapes_and_shares(sharp_predictor: Predictor, encoded: EncodedImage) -> None:
    point = attention_at(sharp_predictor, encoded, "Florp circle!", 22, 30)
    assert point.tokens == ("florp", "circle")
    assert point.words.shape == (3, 2) and point.places.shape == (3, 4, 4)
    assert point.words.dtype == point.places.dtype == np.float32
    np.testing.assert_allclose(point.words.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(point.places.sum((1, 2)), 1, atol=1e-5)
    assert point.cell == (1, 0)  # 90 x 60 in 64 x 64: the picture fills rows 10 to 53
    for level in range(3):
        enlarged = point.place_map(level)
        assert enlarged.shape == encoded.image.shape[:2]
        assert enlarged.min() >= 0 and enlarged.max() <= point.places[level].max()


def test_other_points_attend_otherwise(sharp_predictor: Predictor, encoded: EncodedImage) -> None:
    one, other = (attention_at(sharp_predictor, encoded, "red circle", x, 30) for x in (5, 80))
    assert one.cell != other.cell
    assert np.abs(one.places - other.places).max() > 1e-3 and np.abs(one.words - other.words).max() > 1e-3


@pytest.mark.parametrize("x, y", [(-0.1, 3), (90, 3), (3, 60), (3, -1), (float("nan"), 3), (3, float("inf"))])
def test_points_outside(sharp_predictor: Predictor, encoded: EncodedImage, x: float, y: float) -> None:
    with pytest.raises(InputError, match="expected one inside the image: x from 0 to below 90, y from 0 to below 60"):
        attention_at(sharp_predictor, encoded, "dog", x, y)


def test_what_else_is_refused(sharp_predictor: Predictor, tiny_predictor: Predictor, encoded: EncodedImage) -> None:
    with pytest.raises(ExpressionError):
        attention_at(sharp_predictor, encoded, "?", 1, 1)
    with pytest.raises(InputError, match="encoded by the model sharp, expected tiny"):
        attention_at(tiny_predictor, encoded, "dog", 1, 1)
