import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from refseg.evaluation.metrics import Score, mean_iou, overall_iou, precision_at
from refseg.mask_iou import intersection_and_union, iou

pairs = st.integers(1, 9).flatmap(
    lambda n: st.tuples(hnp.arrays(bool, (n, 5)), hnp.arrays(bool, (n, 5))),
)


@given(pairs)
def test_iou_counts_pixels(pair):
    a, b = pair
    both = sum(x and y for x, y in zip(a.flat, b.flat, strict=True))
    either = sum(x or y for x, y in zip(a.flat, b.flat, strict=True))
    assert intersection_and_union(a, b) == (both, either)
    assert iou(a, b) == iou(b, a) == (both / either if either else 1.0)
    assert iou(a, a) == 1.0


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="same shape"):
        iou(np.zeros((2, 3), bool), np.zeros((3, 2), bool))


def test_overall_weighs_by_size_and_mean_does_not():
    assert overall_iou([1, 90], [10, 100]) == pytest.approx(91 / 110)
    assert mean_iou([0.1, 0.9]) == pytest.approx(0.5)
    assert overall_iou([0], [0]) == 1.0
    assert precision_at([0.5, 0.49, 0.9, 1.0], 0.5) == 0.75
    assert math.isnan(mean_iou([])) and math.isnan(precision_at([], 0.5))


def test_score_sums_up():
    score = Score()
    left = np.zeros((4, 4), bool)
    left[:, :2] = True
    assert score.summary()["n"] == 0 and score.summary()["overall_iou"] is None
    assert score.add(left, left) == 1.0
    assert score.add(left, np.ones((4, 4), bool)) == 0.5
    assert score.add(np.zeros((4, 4), bool), np.zeros((4, 4), bool)) == 1.0
    assert score.add(left, ~left) == 0.0
    assert len(score) == 4
    assert score.summary() == {
        "n": 4,
        "overall_iou": pytest.approx(16 / (8 + 16 + 0 + 16)),
        "mean_iou": pytest.approx(2.5 / 4),
        "precision": {"0.5": 0.75, "0.6": 0.5, "0.7": 0.5, "0.8": 0.5, "0.9": 0.5},
    }
