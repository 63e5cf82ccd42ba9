"""Region J and boundary F on masks whose figures the official evaluation gave, and against counting point by point.

The figures in OFFICIAL were obtained by hand: the masks below were given to `db_eval_iou` and `db_eval_boundary` of
davis2017/metrics.py in github.com/davisvideochallenge/davis2017-evaluation (commit ac7c43f, OpenCV 5 and scikit-image
0.26), and the results were written down.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from refseg.evaluation.boundary import boundary_f, boundary_map
from refseg.mask_iou import iou

BoolMask = NDArray[np.bool_]


def disk(height: int, width: int, y: int, x: int, radius: int) -> BoolMask:
    rows, columns = np.mgrid[:height, :width]
    return np.asarray((rows - y) ** 2 + (columns - x) ** 2 <= radius**2)


def box(height: int, width: int, top: int, left: int, bottom: int, right: int) -> BoolMask:
    mask = np.zeros((height, width), dtype=bool)
    mask[top:bottom, left:right] = True
    return mask


EMPTY, FULL = np.zeros((40, 60), dtype=bool), np.ones((40, 60), dtype=bool)

# prediction, annotation, official J, official F, boundary pixels of the prediction by the official `_seg2bmap`
OFFICIAL = {
    "disks 10 pixels apart": (disk(120, 160, 60, 80, 30), disk(120, 160, 60, 90, 30), 0.6530911222, 0.1803278689, 244),
    "ring and disk": (
        disk(120, 160, 60, 80, 30) & ~disk(120, 160, 60, 80, 15),
        disk(120, 160, 60, 80, 30),
        0.7486706842,
        0.7973856209,
        368,
    ),
    "portrait": (disk(160, 90, 70, 40, 25), box(160, 90, 40, 15, 100, 60), 0.6551846591, 0.1983471074, 204),
    "at the right and lower edge": (
        box(50, 70, 20, 30, 50, 70),
        box(50, 70, 22, 30, 50, 70),
        0.9333333333,
        0.4285714286,
        71,
    ),
    "at the left and upper edge": (
        box(50, 70, 0, 0, 30, 40),
        box(50, 70, 0, 0, 30, 44),
        0.9090909091,
        0.5774647887,
        69,
    ),
    "one pixel, 3 columns apart": (box(40, 40, 20, 20, 21, 21), box(40, 40, 20, 23, 21, 24), 0.0, 0.0, 4),
    "one pixel in the last corner": (box(40, 40, 39, 39, 40, 40), box(40, 40, 38, 38, 40, 40), 0.25, 0.8888888889, 3),
    "one pixel in the first corner": (box(40, 40, 0, 0, 1, 1), box(40, 40, 0, 0, 3, 3), 0.1111111111, 0.0, 1),
    "empty, annotation is not": (EMPTY, box(40, 60, 10, 10, 20, 20), 0.0, 0.0, 0),
    "both empty": (EMPTY, EMPTY, 1.0, 1.0, 0),
    "the whole image, annotation is empty": (FULL, EMPTY, 0.0, 1.0, 0),
    "the whole image, annotation is a part": (FULL, box(40, 60, 10, 10, 20, 20), 0.0416666667, 0.0, 0),
    "an image of one row": (box(1, 60, 0, 10, 1, 20), box(1, 60, 0, 11, 1, 23), 0.6923076923, 0.5, 2),
    "an image of one column": (box(60, 1, 10, 0, 20, 1), box(60, 1, 14, 0, 23, 1), 0.4615384615, 0.0, 2),
    "the size of a video frame": (
        disk(480, 854, 240, 400, 100),
        disk(480, 854, 250, 420, 90),
        0.7178851964,
        0.2810424523,
        804,
    ),
}


@pytest.mark.parametrize("name", OFFICIAL)
def test_figures_of_the_official_evaluation(name: str) -> None:
    prediction, target, j, f, pixels = OFFICIAL[name]
    assert iou(prediction, target) == pytest.approx(j, abs=1e-9)
    assert boundary_f(prediction, target) == pytest.approx(f, abs=1e-9)
    assert boundary_f(target, prediction) == pytest.approx(f, abs=1e-9)
    assert boundary_map(prediction).sum() == pixels


def naive_boundary(mask: BoolMask) -> set[tuple[int, int]]:
    """The official definition pixel by pixel."""
    height, width = mask.shape
    found = set()
    for y in range(height):
        for x in range(width):
            neighbors = {(y, x + 1), (y + 1, x), (y + 1, x + 1)}
            if any(b < height and r < width and mask[b, r] != mask[y, x] for b, r in neighbors):
                found.add((y, x))
    return found


def naive_f(prediction: BoolMask, target: BoolMask, radius: int) -> float:
    """Every boundary pixel against every other."""
    one, other = naive_boundary(prediction), naive_boundary(target)
    if not one or not other:
        return float(bool(one) == bool(other))

    def matched(points: set[tuple[int, int]], others: set[tuple[int, int]]) -> float:
        return sum(any((y - b) ** 2 + (x - a) ** 2 <= radius**2 for b, a in others) for y, x in points) / len(points)

    precision, recall = matched(one, other), matched(other, one)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@st.composite
def masks(draw: st.DrawFn) -> tuple[BoolMask, BoolMask]:
    """Two masks of one size made of rectangles, which may touch or cross the image's edge, some with holes."""
    height, width = draw(st.integers(1, 24)), draw(st.integers(1, 24))
    made = []
    for _ in range(2):
        mask = np.zeros((height, width), dtype=bool)
        for _ in range(draw(st.integers(0, 3))):
            top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
            mask[top : top + draw(st.integers(1, 12)), left : left + draw(st.integers(1, 12))] ^= True
        made.append(mask)
    return made[0], made[1]


@settings(deadline=None, max_examples=100)
@given(masks(), st.sampled_from([0.0, 0.008, 0.05, 0.2]))
def test_boundary_f_equals_counting_points(pair: tuple[BoolMask, BoolMask], tolerance: float) -> None:
    prediction, target = pair
    assert {(int(y), int(x)) for y, x in np.argwhere(boundary_map(prediction))} == naive_boundary(prediction)
    radius = math.ceil(tolerance * math.hypot(*prediction.shape))
    assert boundary_f(prediction, target, tolerance) == pytest.approx(naive_f(prediction, target, radius))
    assert boundary_f(prediction, prediction, tolerance) == 1


def test_the_tolerance_is_rounded_up() -> None:
    """100 x 75 has a diagonal of 125 pixels, of which 0.008 is 1 pixel exactly; 0.0081 makes it 2."""
    one, two_right = box(75, 100, 20, 20, 40, 40), box(75, 100, 20, 22, 40, 42)
    assert boundary_f(one, two_right, 0.008) < 1 == boundary_f(one, two_right, 0.0081)


def test_masks_are_not_changed() -> None:
    prediction, target = box(40, 60, 10, 10, 20, 20), box(40, 60, 12, 10, 20, 20)
    before = prediction.copy(), target.copy()
    boundary_f(prediction, target)
    assert (prediction == before[0]).all() and (target == before[1]).all()


@pytest.mark.parametrize("shapes", [((40, 60), (60, 40)), ((0, 5), (0, 5)), ((4, 5, 3), (4, 5, 3)), ((9,), (9,))])
def test_shapes_that_do_not_fit(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="expected"):
        boundary_f(*(np.zeros(shape, dtype=bool) for shape in shapes))


def test_a_negative_tolerance() -> None:
    with pytest.raises(ValueError, match=r"the tolerance is -0\.1, expected"):
        boundary_f(EMPTY, EMPTY, -0.1)
