"""Clicks and boxes on pictures in which it is plain what belongs to what."""

from time import perf_counter

import numpy as np
import pytest

from refseg.annotation.interactive import refine_with_clicks, segment_box
from refseg.errors import ProjectError
from refseg.mask_iou import iou

SHAPE = (120, 160)


def scene(scale: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A red disc and a blue one on green, with some noise: picture, and the two masks."""
    ys, xs = np.mgrid[: SHAPE[0] * scale, : SHAPE[1] * scale] / scale
    first, second = np.hypot(ys - 60, xs - 45) < 28, np.hypot(ys - 60, xs - 118) < 24
    image = np.where(first[..., None], (200, 40, 40), np.where(second[..., None], (40, 50, 210), (60, 150, 70))).astype(
        np.float64
    )
    noise = np.random.default_rng(0).normal(0, 9, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8), first, second


def test_a_positive_click_adds_the_part_that_is_missing() -> None:
    image, disc, other = scene()
    half = disc.copy()
    half[:, 45:] = False
    found = refine_with_clicks(image, half, [(58, 60)], [])
    assert iou(half, disc) < 0.6 and iou(found, disc) > 0.93 and not (found & other).any()


def test_a_negative_click_takes_away_the_piece_that_is_too_much() -> None:
    image, disc, other = scene()
    found = refine_with_clicks(image, disc | other, [], [(118, 60)])
    assert iou(found, disc) > 0.95 and not found[60, 118]


def test_a_click_leaves_alone_what_does_not_hang_together_with_it() -> None:
    image, disc, other = scene()
    wrong = other.copy()
    wrong[50:70, 100:104] = False  # a gap that GrabCut alone would close
    before = disc | wrong
    before[:, 45:58] &= ~disc[:, 45:58]
    found = refine_with_clicks(image, before, [(51, 60)], [])
    assert found[60, 51] and (found == before)[:, 95:].all()


def test_a_lone_click_starts_a_mask_and_the_places_clicked_hold() -> None:
    image, disc, _ = scene()
    found = refine_with_clicks(image, np.zeros(SHAPE, bool), [(45, 60), (30, 60), (60, 60)], [(45, 95)])
    assert found[60, 45] and found[60, 30] and not found[95, 45]
    assert (found & disc).sum() > 0.5 * disc.sum()


def test_the_same_click_gives_the_same_mask() -> None:
    image, disc, _ = scene()
    once, again = (refine_with_clicks(image, disc, [(80, 60)], [(45, 60)]) for _ in range(2))
    np.testing.assert_array_equal(once, again)


@pytest.mark.parametrize("box", [(14, 30, 77, 91), (77, 91, 14, 30)])
def test_a_box_cuts_out_what_fills_it(box: tuple[float, float, float, float]) -> None:
    image, disc, _ = scene()
    found = segment_box(image, box)
    assert iou(found, disc) > 0.93 and not found[:, 78:].any()


def test_large_pictures_are_worked_on_reduced_but_keep_their_size() -> None:
    image, disc, _ = scene(scale=12)  # 2.8 megapixels
    start = perf_counter()
    found = segment_box(image, (14 * 12, 30 * 12, 77 * 12, 91 * 12))
    assert found.shape == disc.shape and iou(found, disc) > 0.95
    assert perf_counter() - start < 20


def test_unusable_clicks_and_boxes_are_refused() -> None:
    image, disc, _ = scene()
    with pytest.raises(ProjectError, match="There is no click"):
        refine_with_clicks(image, disc, [], [])
    with pytest.raises(ProjectError, match="inside the image"):
        refine_with_clicks(image, disc, [(160, 3)], [])
    with pytest.raises(ProjectError, match="at least 4 x 4"):
        segment_box(image, (158, 0, 900, 60))
