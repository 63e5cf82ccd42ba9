"""Masks of images that were annotated at another size or before they were turned upright."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from refseg.annotation.importers.sizes import SizeFit
from refseg.errors import DataError
from refseg.images import PictureHeader


def header(height: int, width: int, orientation: int = 1) -> PictureHeader:
    return PictureHeader("JPEG", height, width, upright=orientation == 1, orientation=orientation)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_masks_of_unrotated_images_are_turned_as_pillow_turns_the_image(orientation: int) -> None:
    stored = np.random.default_rng(orientation).random((20, 30)) > 0.5
    image = Image.fromarray(stored.astype(np.uint8) * 255)
    image.getexif()[0x112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(image)) > 0
    fit = SizeFit((20, 30), (20, 30), upright.shape, orientation)
    np.testing.assert_array_equal(fit.fit_mask(stored), upright)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_the_annotated_size_says_which_way_the_image_lay(orientation: int) -> None:
    upright = header(60, 40, orientation)
    assert not SizeFit.of(upright, (60, 40)).is_turned
    turned = SizeFit.of(upright, (40, 60))
    assert turned.is_turned and not turned.is_scaled and not turned.ambiguous
    small = SizeFit.of(upright, (20, 30))
    assert small.is_turned and small.is_scaled and small.fit_mask(np.ones((20, 30), bool)).shape == (60, 40)


@pytest.mark.parametrize(("height", "width", "orientation"), [(50, 50, 6), (40, 60, 3), (40, 60, 2)])
def test_sizes_that_do_not_say_it_are_ambiguous(height: int, width: int, orientation: int) -> None:
    fit = SizeFit.of(header(height, width, orientation), (height, width))
    assert fit.ambiguous and not fit.is_turned
    assert not SizeFit.of(header(height, width), (height, width)).ambiguous
    assert not SizeFit.of(header(height, width, orientation), None).ambiguous


@given(st.integers(20, 3000), st.integers(20, 3000), st.floats(0.1, 4))
def test_scaled_images_fit(height: int, width: int, factor: float) -> None:
    """As programs scale: each side rounded up, down or to the nearest."""
    for rounded in (round, int, lambda side: int(side) + 1):
        annotated = max(1, rounded(height * factor)), max(1, rounded(width * factor))
        if min(annotated) >= 40:
            assert not SizeFit.of(header(height, width), annotated).is_turned


@pytest.mark.parametrize("annotated", [(80, 100), (1, 2), (0, 0), (120, 81), (640, 640), (-80, -120)])
def test_other_shapes_are_refused_with_both_sizes(annotated: tuple[int, int]) -> None:
    with pytest.raises(DataError, match=f"image is 120 x 80, its annotations are for {annotated[1]} x {annotated[0]}"):
        SizeFit.of(header(80, 120), annotated)


@given(st.integers(1, 39), st.integers(1, 59), st.sampled_from([0.5, 2.0, 3.0]))
def test_scaled_masks_keep_their_place(top: int, left: int, factor: float) -> None:
    mask = np.zeros((40, 60), bool)
    mask[top:, left:] = True
    stored = int(40 * factor), int(60 * factor)
    scaled = SizeFit((40, 60), stored, stored).fit_mask(mask)
    ys, xs = np.nonzero(scaled)
    assert abs(ys.min() - top * factor) <= factor and abs(xs.min() - left * factor) <= factor
    assert scaled[-1, -1] and abs(scaled.mean() - mask.mean()) < 0.06
