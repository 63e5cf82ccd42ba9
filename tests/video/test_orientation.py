"""Display matrices: quarter turns, mirror images, and both."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refseg.errors import VideoError
from refseg.video.orientation import Orientation
from refseg.video.reader import open_clip
from tests.video.coded import H264, Encoding, Matrix, coded_frame, set_matrix

MATRICES: dict[str, Matrix] = {
    "upright": (1, 0, 0, 1),
    "90 clockwise": (0, 1, -1, 0),
    "180": (-1, 0, 0, -1),
    "90 counter-clockwise": (0, -1, 1, 0),
    "mirrored left to right": (-1, 0, 0, 1),
    "mirrored top to bottom": (1, 0, 0, -1),
    "transposed": (0, 1, 1, 0),
    "transposed and turned": (0, -1, -1, 0),
}
EIGHT = [Orientation(*(bool(number >> bit & 1) for bit in range(3))) for number in range(8)]


def as_array(matrix: Matrix, scale: float = 65536) -> np.ndarray:
    a, b, c, d = (round(entry * scale) for entry in matrix)
    return np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], dtype=np.int32)


@given(
    matrix=st.sampled_from(list(MATRICES.values())),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    scale=st.sampled_from([65536.0, 32768.0, 131072.0]),
)
def test_each_pixel_goes_where_the_matrix_sends_it(matrix: Matrix, height: int, width: int, scale: float) -> None:
    stored = np.random.default_rng(height * 10 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    shown = Orientation.of_matrix(as_array(matrix, scale)).apply(stored)
    assert shown.shape[:2] == Orientation.of_matrix(as_array(matrix)).size(height, width) and shown.flags.c_contiguous
    a, b, c, d = matrix
    rows, columns = np.mgrid[0:height, 0:width]
    x, y = a * columns + c * rows, b * columns + d * rows
    np.testing.assert_array_equal(shown[y - y.min(), x - x.min()], stored[rows, columns])


@given(first=st.sampled_from(EIGHT), second=st.sampled_from(EIGHT))
def test_the_eight_orientations_are_distinct_and_closed(first: Orientation, second: Orientation) -> None:
    stored = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    assert (first == second) == np.array_equal(first.apply(stored), second.apply(stored))
    twice = second.apply(first.apply(stored))
    assert sum(np.array_equal(one.apply(stored), twice) for one in EIGHT) == 1


@given(noise=st.tuples(*[st.integers(-600, 600)] * 4), matrix=st.sampled_from(list(MATRICES.values())))
def test_rounding_does_not_change_an_orientation(noise: tuple[int, int, int, int], matrix: Matrix) -> None:
    noisy = as_array(matrix)
    noisy[[0, 1, 3, 4]] += np.asarray(noise, dtype=np.int32)
    assert Orientation.of_matrix(noisy) == Orientation.of_matrix(as_array(matrix))


def test_a_matrix_of_zeros_is_upright() -> None:
    assert Orientation.of_matrix(np.zeros(9, dtype=np.int32)) == Orientation()


@pytest.mark.parametrize("name", MATRICES)
def test_a_video_comes_as_players_show_it(name: str, tmp_path: Path) -> None:
    path = Encoding("mp4", "libx264", {**H264, "crf": "8"}).write(tmp_path / "clip.mp4", range(40))
    set_matrix(path, MATRICES[name])
    orientation = Orientation.of_matrix(as_array(MATRICES[name]))
    clip = open_clip(str(path))
    for frame in clip.part([0, 11, 39]).frames():
        assert frame.image.shape == (clip.info.height, clip.info.width, 3)
        expected = orientation.apply(coded_frame(frame.index)).astype(int)
        assert np.abs(frame.image - expected).mean() < 8
        others = [one.apply(coded_frame(frame.index)).astype(int) for one in EIGHT if one != orientation]
        assert all(np.abs(frame.image - other).mean() > 8 for other in others if other.shape == frame.image.shape)


def test_an_angle_between_quarter_turns_is_refused(tmp_path: Path) -> None:
    path = Encoding("mp4", "libx264", H264).write(tmp_path / "clip.mp4", range(4))
    set_matrix(path, (1, 1, -1, 1))
    with pytest.raises(
        VideoError, match=r"clip\.mp4: frames are to be shown turned by 45 degrees, expected a multiple of 90"
    ):
        open_clip(str(path))
