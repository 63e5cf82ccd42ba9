"""Drawing of masks over images."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from refseg.errors import InputError
from refseg.rendering import edge, overlay, parse_color


@pytest.fixture
def mask() -> NDArray[np.bool_]:
    mask = np.zeros((60, 90), bool)
    mask[20:40, 30:70] = True
    return mask


@pytest.mark.parametrize(
    "text, expected",
    [
        ("#fff", (255, 255, 255)),
        ("#FF3d7f", (255, 61, 127)),
        ("#ff3d7f80", (255, 61, 127)),
        ("rgb(1, 2, 3)", (1, 2, 3)),
        ("rgba(254.6, 0, 12.2, 1)", (255, 0, 12)),
        (" rgba(1 2 3 / 50%) ", (1, 2, 3)),
        ((4, 5, 6), (4, 5, 6)),
    ],
)
def test_colors(text: str, expected: tuple[int, int, int]) -> None:
    assert parse_color(text) == expected


@pytest.mark.parametrize(
    "text", ["", "red", "#12", "#ggg", "rgb(1,2)", "rgb(300, 0, 0)", "rgb(1.2.3, 0, 0)", (1, 2), (-1, 0, 0), None, 5]
)
def test_invalid_colors(text: str) -> None:
    with pytest.raises(InputError, match="the color is"):
        parse_color(text)


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=30))
def test_any_text_is_a_color_or_an_error(text: str) -> None:
    with suppress(InputError):
        assert all(0 <= value <= 255 for value in parse_color(text))


def test_blending(sample_image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> None:
    result = overlay(sample_image, mask, (200, 100, 0), opacity=0.25, outline=False)
    expected = np.round(0.75 * sample_image + 0.25 * np.array([200.0, 100.0, 0.0]))
    np.testing.assert_array_equal(result[mask], expected[mask])
    np.testing.assert_array_equal(result[~mask], sample_image[~mask])
    assert result.dtype == np.uint8


def test_opacity_ends(sample_image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> None:
    np.testing.assert_array_equal(overlay(sample_image, mask, opacity=0, outline=False), sample_image)
    assert (overlay(sample_image, mask, "#102030", opacity=1, outline=False)[mask] == (0x10, 0x20, 0x30)).all()


def test_outline(sample_image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> None:
    result = overlay(sample_image, mask, "#00ff00", opacity=0, outline=2)
    drawn = (result == (0, 255, 0)).all(axis=2)
    inner = np.zeros_like(mask)
    inner[22:38, 32:68] = True
    np.testing.assert_array_equal(drawn, mask & ~inner)


def test_the_image_border_is_not_an_edge() -> None:
    assert not edge(np.ones((20, 30), bool), 3).any()
    half = np.zeros((20, 30), bool)
    half[:, :10] = True
    expected = np.zeros_like(half)
    expected[:, 8:10] = True
    np.testing.assert_array_equal(edge(half, 2), expected)


@pytest.mark.parametrize("times, width", [(1, 1), (20, round(1800 / 320))])
def test_the_outline_scales_with_the_image(mask: NDArray[np.bool_], times: int, width: int) -> None:
    """Its width is about 1/320 of the longer side: the same on a thumbnail and on a large image shown at that size."""
    large = np.kron(mask, np.ones((times, times), bool))
    drawn = (overlay(np.zeros((*large.shape, 3), np.uint8), large, "#fff", opacity=0) > 0).any(axis=2)
    assert drawn[:, large.shape[1] // 2].sum() == 2 * width


def test_the_image_is_not_modified(sample_image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> None:
    before = sample_image.copy()
    sample_image.setflags(write=False)
    overlay(sample_image[:, ::-1], mask)
    np.testing.assert_array_equal(sample_image, before)


def test_unusable_inputs(sample_image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> None:
    with pytest.raises(InputError, match=r"expected \(H, W, 3\) and \(H, W\)"):
        overlay(sample_image, mask[:-1])
    with pytest.raises(InputError, match=r"expected \(H, W, 3\) and \(H, W\)"):
        overlay(sample_image[:, :, 0], mask)
    for opacity in (-0.1, 1.5, float("nan")):
        with pytest.raises(InputError, match="opacity"):
            overlay(sample_image, mask, opacity=opacity)
