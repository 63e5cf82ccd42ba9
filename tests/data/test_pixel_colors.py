import numpy as np
import pytest

from refseg.data.pixel_colors import NEIGHBORS, certainly_not, color_shares, dominant_color, name_pixels
from refseg.models.regions.color_names import EXAMPLES, NAMES

SAMPLES = {
    "black": [(0, 0, 0), (25, 22, 28), (45, 40, 38)],
    "white": [(255, 255, 255), (235, 232, 228), (200, 205, 203)],
    "gray": [(128, 128, 128), (100, 104, 99), (150, 146, 149)],
    "red": [(255, 0, 0), (200, 20, 25), (150, 10, 20)],
    "orange": [(255, 140, 0), (240, 120, 20)],
    "yellow": [(255, 255, 0), (245, 220, 30), (255, 235, 90)],
    "green": [(0, 255, 0), (30, 140, 40), (90, 160, 60)],
    "blue": [(0, 0, 255), (30, 80, 200), (90, 160, 230)],
    "purple": [(128, 0, 200), (110, 50, 160)],
    "pink": [(255, 150, 180), (255, 20, 147), (240, 160, 160)],
    "brown": [(120, 70, 30), (90, 60, 40), (160, 120, 80)],
}


@pytest.mark.parametrize(("name", "rgb"), [(name, rgb) for name, samples in SAMPLES.items() for rgb in samples])
def test_names_of_plain_colors(name, rgb):
    assert NAMES[name_pixels(np.array([rgb], np.uint8))[0]] == name


def test_the_examples_of_the_region_branch_have_their_name_or_a_neighbor() -> None:
    for name, examples in EXAMPLES.items():
        found = {NAMES[index] for index in name_pixels(np.array(examples, np.uint8))}
        assert name in found and found <= {name, *NEIGHBORS[name]}


def test_no_pixels_have_no_names():
    assert name_pixels(np.zeros((0, 3), np.uint8)).shape == (0,)
    assert color_shares(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), bool)).sum() == 0


def test_shares_are_of_the_mask_alone():
    image = np.zeros((40, 40, 3), np.uint8)
    image[:, :20] = (200, 20, 25)
    image[:, 20:] = (30, 80, 200)
    mask = np.zeros((40, 40), bool)
    mask[5:35, :20] = True
    shares = color_shares(image, mask)
    assert shares[NAMES.index("red")] == pytest.approx(1.0) and shares.sum() == pytest.approx(1.0)
    assert dominant_color(shares) == "red"
    assert certainly_not(shares, "blue") and not certainly_not(shares, "red")
    both = color_shares(image, np.ones((40, 40), bool))
    assert dominant_color(both) is None


def test_neighboring_colors_do_not_distinguish_objects():
    shares = np.zeros(11, np.float32)
    shares[NAMES.index("gray")] = 1.0
    assert not certainly_not(shares, "black") and certainly_not(shares, "red")
