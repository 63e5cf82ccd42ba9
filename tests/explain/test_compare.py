"""Two answers side by side, and paraphrases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from refseg.errors import ExpressionError, InputError
from refseg.explain import compare, consistency
from refseg.inference.predictor import EncodedImage, Predictor
from refseg.mask_iou import iou
from tests.explain.answers import answer_with

PROBABILITIES = arrays(np.float32, (7, 9), elements=st.floats(0.0625, 0.9375, width=32))


@settings(deadline=None)
@given(one=PROBABILITIES, other=PROBABILITIES, threshold=st.floats(0.1, 0.9))
def test_three_disjoint_parts_of_the_union(one: np.ndarray, other: np.ndarray, threshold: float) -> None:
    first, second = answer_with(one), answer_with(other)
    compared = compare(first, second, threshold)
    np.testing.assert_array_equal(compared.both | compared.first_only, first.mask(threshold))
    np.testing.assert_array_equal(compared.both | compared.second_only, second.mask(threshold))
    parts = np.stack([compared.both, compared.first_only, compared.second_only])
    assert parts.sum(0).max() <= 1
    assert compared.iou == iou(first.mask(threshold), second.mask(threshold))
    assert compared.iou == (compared.both.sum() / parts.sum() if parts.any() else 1.0)


def test_without_a_threshold_each_model_decides() -> None:
    probability = np.full((4, 4), 0.6, np.float32)
    careful, absent = (
        answer_with(probability, threshold=0.7),
        answer_with(probability, presence=0.1, presence_threshold=0.5),
    )
    sure = answer_with(probability)
    assert compare(sure, careful).iou == 0 and compare(sure, absent).first_only.all()
    assert compare(careful, absent).iou == 1  # both empty
    assert compare(sure, absent, 0.5).both.all()


def test_pictures_of_different_sizes() -> None:
    with pytest.raises(InputError, match="images of 4 x 2 and 4 x 3, expected answers about the same image"):
        compare(answer_with(np.full((2, 4), 0.5, np.float32)), answer_with(np.full((3, 4), 0.5, np.float32)))


def test_paraphrases(sharp_predictor: Predictor, encoded: EncodedImage) -> None:
    expressions = ["the red circle", "red ball on the left", "the red circle"]
    answers = sharp_predictor.segment(encoded, expressions)
    threshold = float(np.median(answers[0].probability))
    found = consistency(sharp_predictor, encoded, expressions, threshold)
    assert found.iou.shape == (3, 3)
    np.testing.assert_array_equal(found.iou, found.iou.T)
    np.testing.assert_array_equal(np.diag(found.iou), 1)
    expected = iou(answers[0].input_mask(threshold), answers[1].input_mask(threshold))
    assert found.iou[0, 1] == pytest.approx(expected, abs=0.01) and 0 < expected < 1
    assert found.iou[0, 2] == pytest.approx(1, abs=0.01)
    assert found.mean == pytest.approx((found.iou[0, 1] + found.iou[0, 2] + found.iou[1, 2]) / 3)


def test_paraphrases_that_cannot_be_compared(sharp_predictor: Predictor, encoded: EncodedImage) -> None:
    for few in ([], ["dog"]):
        with pytest.raises(InputError, match="expected at least two to compare"):
            consistency(sharp_predictor, encoded, few)
    with pytest.raises(ExpressionError):
        consistency(sharp_predictor, encoded, ["dog", ""])
    with pytest.raises(InputError, match="expected a probability"):
        consistency(sharp_predictor, encoded, ["dog", "cat"], 2.0)
