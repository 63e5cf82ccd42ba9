"""Which frames are used: properties that hold for any clip, and refusals that say what to do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from refseg.errors import VideoError
from refseg.video.sampling import Sampling


def steady(count: int, rate: float = 25.0, first: float = 0.0) -> NDArray[np.float64]:
    return first + np.arange(count) / rate


def test_all_frames_without_a_wish() -> None:
    assert Sampling().choose(steady(7)).tolist() == list(range(7))


def test_stride_and_part() -> None:
    assert Sampling(stride=3).choose(steady(10)).tolist() == [0, 3, 6, 9]
    assert Sampling(start=0.2, end=0.4).choose(steady(20)).tolist() == [5, 6, 7, 8, 9]  # the end is not used
    assert Sampling(start=0.2, stride=2).choose(steady(10)).tolist() == [5, 7, 9]


def test_frames_a_second_of_a_steady_and_of_an_uneven_clip() -> None:
    assert Sampling(fps=5).choose(steady(25)).tolist() == [0, 5, 10, 15, 20]
    assert Sampling(fps=100).choose(steady(5)).tolist() == [0, 1, 2, 3, 4]  # each once
    uneven = np.array([0.0, 0.1, 0.9, 1.0, 2.5, 3.1])
    assert Sampling(fps=1).choose(uneven).tolist() == [0, 3, 4]  # at 2 s the frame of 1.0 s is still on show


def test_times_count_from_the_first_frame() -> None:
    assert Sampling(start=0.2, end=0.4).choose(steady(20, first=7.3)).tolist() == [5, 6, 7, 8, 9]


@settings(max_examples=200)
@given(
    gaps=st.lists(st.floats(0.005, 0.5), min_size=1, max_size=80),
    fps=st.one_of(st.none(), st.floats(0.1, 120)),
    stride=st.integers(1, 7),
    start=st.floats(0, 2),
)
def test_frames_are_distinct_in_order_and_inside(
    gaps: list[float], fps: float | None, stride: int, start: float
) -> None:
    times = np.concatenate([[0.0], np.cumsum(gaps)])
    sampling = Sampling(fps=fps, stride=None if fps else stride, start=start)
    inside = np.flatnonzero(times >= start - 1e-3)
    if not len(inside):
        with pytest.raises(VideoError):
            sampling.choose(times)
        return
    chosen = sampling.choose(times)
    assert chosen[0] == inside[0] and chosen[-1] < len(times) and (np.diff(chosen) > 0).all()
    if fps:
        # every multiple of 1/fps shows a chosen frame
        for moment in np.arange(times[inside[0]], times[-1], 1 / fps):
            assert np.searchsorted(times, moment + 1e-3, side="right") - 1 in chosen


@pytest.mark.parametrize(
    "wish",
    [
        {"fps": 2.0, "stride": 2},
        {"fps": 0.0},
        {"fps": float("nan")},
        {"stride": 0},
        {"start": -1.0},
        {"start": float("inf")},
        {"start": 3.0, "end": 3.0},
        {"end": float("nan")},
    ],
)
def test_wishes_without_meaning_are_refused(wish: dict[str, float]) -> None:
    with pytest.raises(VideoError, match="got"):
        Sampling(**wish)  # type: ignore[arg-type]


def test_an_empty_part_and_too_many_frames_are_refused() -> None:
    with pytest.raises(VideoError, match=r"no frame is shown from 5 s on.*last frame is shown at 0\.4 s"):
        Sampling(start=5).choose(steady(11))
    with pytest.raises(VideoError, match=r"11 frames, expected at most 10"):
        Sampling(limit=10).choose(steady(11))
    assert len(Sampling(limit=10, stride=2).choose(steady(11))) == 6


def test_the_number_of_frames_is_known_beforehand() -> None:
    assert Sampling().expected(10, 25) == 250
    assert Sampling(stride=5).expected(10, 25) == 50
    assert Sampling(fps=2, start=1, end=4).expected(10, 25) == 6
    assert Sampling(fps=60).expected(10, 25) == 250
    assert Sampling(start=20).expected(10, 25) == 1
