"""DenseCRF: edges follow the picture, thresholds keep their meaning, large pictures are reduced, and where it is
missing that is said.
"""

import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from refseg.errors import InputError, UnavailableError
from refseg.inference import crf

here = pytest.mark.skipif(not crf.available(), reason="pydensecrf2 is not installed here")


def bright_square(side: int = 60) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    image = np.full((side, side, 3), 40, np.uint8)
    mask = np.zeros((side, side), bool)
    mask[side // 4 : 3 * side // 4, side // 4 : 3 * side // 4] = True
    image[mask] = (230, 220, 60)
    return image, mask


@here
def test_an_edge_moves_to_that_of_the_picture() -> None:
    image, mask = bright_square()
    rough = np.full(mask.shape, 0.1, np.float32)
    rough[18:45, 12:42] = 0.8  # three pixels off
    before = (rough >= 0.5) & mask
    refined = crf.refine_mask(image, rough)
    assert refined.dtype == bool and refined.shape == mask.shape
    assert (refined != mask).sum() < 0.2 * ((rough >= 0.5) != mask).sum() and before.any()


@here
def test_a_threshold_means_the_same_with_refinement() -> None:
    image, mask = bright_square()
    probability = np.where(mask, 0.4, 0.05).astype(np.float32)
    assert not crf.refine_mask(image, probability, 0.5).any()
    np.testing.assert_array_equal(crf.refine_mask(image, probability, 0.2), mask)
    assert crf.refine_mask(image, probability, 0.0).all()
    assert not crf.refine_mask(image, probability, 1.0).any()


@here
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 3)])
def test_the_smallest_pictures(shape: tuple[int, int]) -> None:
    image = np.zeros((*shape, 3), np.uint8)
    assert crf.refine_mask(image, np.full(shape, 0.9, np.float32)).all()


@here
@pytest.mark.parametrize("limit", [3600, 900, 901, 3599])
def test_a_large_picture_is_refined_reduced(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    image, mask = bright_square(60)
    seen: list[tuple[int, ...]] = []
    original = crf._foreground

    def spy(
        image: NDArray[np.uint8], probability: NDArray[np.float32], threshold: float, scale: float
    ) -> NDArray[np.float32]:
        seen.append(image.shape)
        assert scale == pytest.approx(image.shape[0] / 60, rel=0.05)
        return original(image, probability, threshold, scale)

    monkeypatch.setattr(crf, "MAX_PIXELS", limit)
    monkeypatch.setattr(crf, "_foreground", spy)
    refined = crf.refine_mask(image, np.where(mask, 0.9, 0.1).astype(np.float32))
    assert refined.shape == (60, 60) and (refined != mask).mean() < 0.05
    ((height, width, _),) = seen
    assert height * width <= limit


@here
def test_inputs_stay_as_they_were() -> None:
    image, mask = bright_square()
    probability = np.where(mask, 0.9, 0.1).astype(np.float32)
    image.setflags(write=False)
    probability.setflags(write=False)
    crf.refine_mask(image[:, ::-1], probability[:, ::-1])
    with pytest.raises(InputError, match=r"expected \(H, W, 3\) and \(H, W\)"):
        crf.refine_mask(image, probability[:-1])


def test_where_it_is_missing_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydensecrf.densecrf", None)
    assert not crf.available()
    assert "pip install pydensecrf2" in str(crf.why_unavailable())
    with pytest.raises(UnavailableError, match="not installed here"):
        crf.refine_mask(np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.float32))
