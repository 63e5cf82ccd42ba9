"""The mask's separate pieces."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from refseg.errors import InputError
from refseg.explain import find_candidates
from tests.explain.answers import answer_with


def picture(*pieces: tuple[slice, slice, float]) -> np.ndarray:
    """30 x 40 of 0.1, with pieces of other probabilities."""
    probability = np.full((30, 40), 0.1, np.float32)
    for rows, columns, value in pieces:
        probability[rows, columns] = value
    return probability


def flooded(start: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """All of the mask that is reached from `start` by steps to any of the eight neighbours."""
    while True:
        around = np.pad(start, 1)
        steps = [around[i : i + mask.shape[0], j : j + mask.shape[1]] for i in range(3) for j in range(3)]
        grown = mask & np.any(steps, axis=0)
        if (grown == start).all():
            return grown
        start = grown


LEFT = (slice(5, 15), slice(2, 12), 0.8)  # 100 pixels
RIGHT = (slice(5, 25), slice(20, 25), 0.9)  # 100 pixels
CRUMB = (slice(28, 30), slice(38, 40), 0.99)  # 4 pixels


def test_two_things_by_strength() -> None:
    first, second = find_candidates(answer_with(picture(LEFT, RIGHT)))
    assert (first.number, second.number) == (1, 2)
    assert (first.box, second.box) == ((20, 5, 25, 25), (2, 5, 12, 15))
    assert (first.score, second.score) == (pytest.approx(0.9, abs=1e-5), pytest.approx(0.8, abs=1e-5))
    assert (first.share, second.share) == (0.5, 0.5)
    assert (
        first.mask.sum() == second.mask.sum() == 100 and first.mask[5:25, 20:25].all() and second.mask[5:15, 2:12].all()
    )


def test_crumbs_are_left_out_but_count_for_the_shares() -> None:
    (only,) = find_candidates(answer_with(picture(LEFT, CRUMB)))
    assert only.share == 100 / 104
    assert len(find_candidates(answer_with(picture(LEFT, CRUMB)), least_share=0.03)) == 2


def test_pieces_that_touch_at_a_corner_are_one_thing() -> None:
    (only,) = find_candidates(answer_with(picture((slice(0, 5), slice(0, 5), 0.9), (slice(5, 10), slice(5, 10), 0.7))))
    assert only.box == (0, 0, 10, 10) and only.score == pytest.approx(0.8, abs=1e-5)


def test_equal_pieces_by_size() -> None:
    small, large = (slice(0, 5), slice(0, 5), 0.9), (slice(0, 10), slice(10, 20), 0.9)
    probability = picture(small, large)
    assert [one.mask.sum() for one in find_candidates(answer_with(probability))] == [100, 25]


def test_nothing_and_everything() -> None:
    assert find_candidates(answer_with(picture())) == ()
    (whole,) = find_candidates(answer_with(picture()), threshold=0.0)
    assert whole.mask.all() and whole.box == (0, 0, 40, 30) and whole.share == 1


def test_the_threshold_decides() -> None:
    answer = answer_with(picture(LEFT, RIGHT), threshold=0.85)
    assert [one.box for one in find_candidates(answer)] == [(20, 5, 25, 25)]
    assert len(find_candidates(answer, 0.5)) == 2
    with pytest.raises(InputError, match="expected a probability"):
        find_candidates(answer, 1.5)


def test_shown_whatever_the_verdict() -> None:
    answer = answer_with(picture(LEFT, RIGHT), presence=0.1, presence_threshold=0.5)
    assert answer.no_target and len(find_candidates(answer)) == 2


@settings(deadline=None)
@given(
    mask=arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))),
    least_share=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
)
def test_disjoint_connected_and_nothing_lost(mask: np.ndarray, least_share: float) -> None:
    probability = np.where(mask, np.linspace(0.6, 0.95, mask.size).reshape(mask.shape), 0.2).astype(np.float32)
    answer = answer_with(probability)
    np.testing.assert_array_equal(answer.mask(), mask)
    found = find_candidates(answer, least_share=least_share)
    assert [one.number for one in found] == list(range(1, len(found) + 1))
    together = np.zeros(mask.shape, int)
    for one in found:
        together += one.mask
        rows, columns = np.nonzero(one.mask)
        assert one.box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert one.share == one.mask.sum() / mask.sum() >= least_share
        assert one.score == pytest.approx(answer.probability[one.mask].mean(), abs=1e-5)
        start = np.zeros_like(one.mask)
        start[rows[0], columns[0]] = True
        np.testing.assert_array_equal(flooded(start, mask), one.mask)
    assert together.max(initial=0) <= 1
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    if least_share == 0:
        np.testing.assert_array_equal(together.astype(bool), mask)
