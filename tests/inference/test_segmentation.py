"""Masks and maps at the picture's own size."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from refseg.errors import InputError
from refseg.inference import segmentation as module
from refseg.inference.segmentation import Segmentation
from refseg.letterbox import Letterbox


def made(height: int = 40, width: int = 80, size: int = 64, logits: NDArray[np.float32] | None = None) -> Segmentation:
    """An answer of two words; without `logits` the left half of the square is probable."""
    grid = np.full((16, 16), -4, np.float32)
    grid[:, :8] = 4
    maps = np.stack([np.full((16, 16), 0.25, np.float32), np.full((16, 16), 0.75, np.float32)])
    return Segmentation(
        expression="the left half",
        image=np.zeros((height, width, 3), np.uint8),
        letterbox=Letterbox(height, width, size),
        tokens=("left", "half"),
        unknown=(),
        dropped=(),
        suggestions={},
        threshold=0.5,
        presence=None,
        logits=grid if logits is None else logits,
        strongest=np.arange(256, dtype=np.float32).reshape(16, 16),
        word_attention=np.full((3, 2), 0.5, np.float32),
        word_maps=np.stack([maps] * 3),
        maps={"memory_gate": np.zeros((3, 16, 16), np.float32)},
    )


def test_probability_is_the_sigmoid_of_the_enlarged_logits() -> None:
    answer = made()
    np.testing.assert_allclose(
        answer.probability, 1 / (1 + np.exp(-answer.letterbox.inverse(answer.logits))), rtol=1e-5
    )
    assert answer.probability.dtype == np.float32
    assert answer.probability is answer.probability
    assert answer.peak == pytest.approx(1 / (1 + np.exp(-4)))
    assert answer.mask()[:, :39].all() and not answer.mask()[:, 41:].any()


def test_extreme_logits_give_no_warning_and_no_nan() -> None:
    logits = np.array([[1e30, -1e30], [0, 88]], np.float32)
    probability = made(logits=logits).probability
    assert np.isfinite(probability).all() and probability.min() >= 0 and probability.max() <= 1


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 120),
    width=st.integers(1, 120),
    seed=st.integers(0, 99),
    low=st.floats(0, 1),
    high=st.floats(0, 1),
)
def test_a_higher_threshold_gives_a_smaller_mask(height: int, width: int, seed: int, low: float, high: float) -> None:
    logits = np.random.default_rng(seed).normal(0, 3, (16, 16)).astype(np.float32)
    answer = made(height, width, logits=logits)
    low, high = sorted((low, high))
    wide, narrow = answer.mask(low), answer.mask(high)
    assert wide.shape == narrow.shape == (height, width) and wide.dtype == bool
    assert not (narrow & ~wide).any()
    assert answer.mask(0).all()


def test_unusable_thresholds_and_refinements() -> None:
    for threshold in (-0.1, 1.1, float("nan")):
        with pytest.raises(InputError, match="expected a probability from 0 to 1"):
            made().mask(threshold)
    with pytest.raises(InputError, match="expected 'none' or 'crf'"):
        made().mask(refine="CRF")


def test_response_runs_from_0_to_1_within_the_picture() -> None:
    """The picture fills the middle rows of the square; its least and greatest response count, not those of
    the border.
    """
    response = made().response
    assert response.dtype == np.float32
    assert response.min() == 0 and response.max() == 1
    assert (response[-1] > response[0]).all()
    flat = replace(made(), strongest=np.ones((16, 16), np.float32)).response
    assert not flat.any()


def test_word_maps_at_read_image_size() -> None:
    np.testing.assert_allclose(made().word_map(2, 1), np.full((40, 80), 0.75), atol=1e-6)
    with pytest.raises(IndexError):
        made().word_map(3, 0)


def test_the_same_refined_mask_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    thresholds: list[float] = []

    def refine(image: NDArray[np.uint8], probability: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
        thresholds.append(threshold)
        return np.asarray(probability >= threshold)

    monkeypatch.setattr(module, "refine_mask", refine)
    answer = made()
    first = answer.mask(refine="crf")
    first[:] = False  # the caller's own
    assert answer.mask(0.5, refine="crf").any()
    answer.mask(0.3, refine="crf")
    assert thresholds == [0.5, 0.3]


def test_an_answer_is_not_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        made().expression = "other"  # type: ignore[misc]
    assert not made().truncated and replace(made(), dropped=("more",)).truncated


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 200), width=st.integers(1, 200), seed=st.integers(0, 99), threshold=st.floats(0.05, 0.95))
def test_the_input_mask_is_the_one_that_is_enlarged(height: int, width: int, seed: int, threshold: float) -> None:
    logits = np.random.default_rng(seed).normal(0, 3, (16, 16)).astype(np.float32)
    answer = made(height, width, logits=logits)
    seen = answer.input_mask(threshold)
    assert seen.shape == answer.letterbox.inner and max(seen.shape) == 64
    # what a picture of just that size would be answered
    np.testing.assert_array_equal(seen, made(*seen.shape, logits=logits).mask(threshold))
    assert "probability" not in vars(answer)


def test_the_input_mask_heeds_no_verdict_but_its_threshold() -> None:
    answer = replace(made(), presence=0.1, presence_threshold=0.5)
    assert answer.no_target and answer.input_mask(0.5).any()
    with pytest.raises(InputError, match="expected a probability from 0 to 1"):
        answer.input_mask(1.5)
