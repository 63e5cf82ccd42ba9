"""Eq. 1: coordinates, unit vectors with a gain, and words that padding cannot change."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from refseg.models.layers.multimodal import VisualFeatures, WordFeatures, coordinate_features
from refseg.models.layers.precision import at_least_float32


def test_coordinates_of_a_small_grid() -> None:
    # one row of two cells: left, top, right, bottom, centre x, centre y, 1/width, 1/height
    expected = torch.tensor([[-1, -1, 0, 1, -0.5, 0, 0.5, 1], [0, -1, 1, 1, 0.5, 0, 0.5, 1]])
    torch.testing.assert_close(coordinate_features(1, 2), expected)


@given(height=st.integers(1, 50), width=st.integers(1, 50))
def test_coordinates_of_any_grid(height: int, width: int) -> None:
    grid = coordinate_features(height, width).unflatten(0, (height, width))
    assert grid.shape == (height, width, 8)
    left, top, right, bottom, x, y, across, down = grid.unbind(-1)
    assert left.min() == -1 and top.min() == -1 and right.max() == 1 and bottom.max() == 1
    torch.testing.assert_close(right - left, torch.full((height, width), 2 / width), rtol=0, atol=1e-6)
    torch.testing.assert_close(bottom - top, torch.full((height, width), 2 / height), rtol=0, atol=1e-6)
    torch.testing.assert_close(x, (left + right) / 2)
    torch.testing.assert_close(y, (top + bottom) / 2)
    assert (across == torch.tensor(1 / width)).all() and (down == torch.tensor(1 / height)).all()
    # x varies along the width only, y along the height only; the grid is centred on the picture
    assert (x == x[:1]).all() and (y == y[:, :1]).all()
    torch.testing.assert_close(x, -x.flip(1), rtol=0, atol=1e-6)
    torch.testing.assert_close(y, -y.flip(0), rtol=0, atol=1e-6)


def test_visual_features_have_the_length_of_the_gain() -> None:
    features = VisualFeatures(5, 16, gain=True)
    v = features(torch.randn(2, 5, 3, 4))
    assert v.shape == (2, 12, 16)
    torch.testing.assert_close(v.norm(dim=-1), torch.full((2, 12), 4.0))
    with torch.no_grad():
        features.gain.fill_(0.5)
    torch.testing.assert_close(features(torch.randn(2, 5, 3, 4)).norm(dim=-1), torch.full((2, 12), 0.5))


def test_visual_features_are_positions_in_reading_order() -> None:
    features = VisualFeatures(5, 16, gain=True)
    level = torch.randn(1, 5, 3, 4)
    v = features(level).unflatten(1, (3, 4))
    alone = features(level[:, :, 2:3, 1:2])
    torch.testing.assert_close(v[:, 2, 1], alone[:, 0])


@pytest.mark.parametrize("context", [0, 6])
def test_word_features_have_the_length_of_the_gain_and_padding_is_zero(context: int) -> None:
    features = WordFeatures(20, 10, context, gain=True)
    tokens, valid = torch.tensor([[3, 4, 5], [7, 0, 0]]), torch.tensor([[True, True, True], [True, False, False]])
    e = features(tokens, valid)
    assert e.shape == (2, 3, 10 + context) and features.channels == 10 + context
    torch.testing.assert_close(e.norm(dim=-1), (10 + context) ** 0.5 * valid.float())


@pytest.mark.parametrize("context", [0, 6])
def test_padding_changes_no_word(context: int) -> None:
    features = WordFeatures(20, 10, context, gain=True).double()
    tokens = torch.tensor([[3, 4, 5]])
    bare = features(tokens, torch.ones(1, 3, dtype=torch.bool))
    beside_a_longer_one = features(
        torch.tensor([[3, 4, 5, 9, 9], [6, 7, 8, 9, 10]]), torch.arange(5) < torch.tensor([[3], [5]])
    )
    torch.testing.assert_close(beside_a_longer_one[:1, :3], bare, rtol=1e-12, atol=1e-12)
    assert not beside_a_longer_one[0, 3:].any()


def test_without_context_a_word_is_the_same_everywhere_and_with_context_it_is_not() -> None:
    tokens, valid = torch.tensor([[3, 4, 5], [5, 4, 3]]), torch.ones(2, 3, dtype=torch.bool)
    plain = WordFeatures(20, 10, 0, gain=True)(tokens, valid)
    torch.testing.assert_close(plain[0], plain[1].flip(0))
    read = WordFeatures(20, 10, 6, gain=True)(tokens, valid)
    assert not torch.allclose(read[0], read[1].flip(0), atol=1e-3)
    # the look-up half is still the word's own
    torch.testing.assert_close(read[0, :, :10], read[1].flip(0)[:, :10])


@pytest.mark.parametrize("context", [0, 6])
def test_padding_gets_no_gradient_and_words_get_finite_ones(context: int) -> None:
    features = WordFeatures(20, 10, context, gain=True)
    e = features(torch.tensor([[3, 4, 0]]), torch.tensor([[True, True, False]]))
    (e * torch.randn_like(e)).sum().backward()
    gradient = features.table.weight.grad
    assert gradient is not None and gradient.isfinite().all()
    assert gradient.any(dim=1).nonzero().flatten().tolist() == [3, 4]


def test_odd_context_is_refused() -> None:
    with pytest.raises(ValueError, match="context is 5, expected an even number"):
        WordFeatures(20, 10, 5)


@pytest.mark.parametrize(
    ("given_type", "expected"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_half_types_are_promoted_and_no_other(given_type: torch.dtype, expected: torch.dtype) -> None:
    assert at_least_float32(torch.zeros(1, dtype=given_type)).dtype == expected


def test_features_stay_float64() -> None:
    assert (
        VisualFeatures(5, 16, gain=True).double()(torch.randn(1, 5, 2, 2, dtype=torch.float64)).dtype == torch.float64
    )
    words = WordFeatures(20, 10, 6, gain=True).double()(torch.tensor([[3]]), torch.ones(1, 1, dtype=torch.bool))
    assert words.dtype == torch.float64


def test_without_a_gain_features_are_unit_vectors_and_without_channels_the_levels_own() -> None:
    visual, words = VisualFeatures(5), WordFeatures(20, 10)
    assert visual.channels == 5 and not list(visual.parameters())
    v = visual(torch.randn(2, 5, 3, 4))
    torch.testing.assert_close(v.norm(dim=-1), torch.ones(2, 12))
    e = words(torch.tensor([[3, 4]]), torch.ones(1, 2, dtype=torch.bool))
    torch.testing.assert_close(e.norm(dim=-1), torch.ones(1, 2))
    assert [name for name, _ in words.named_parameters()] == ["table.weight"]
