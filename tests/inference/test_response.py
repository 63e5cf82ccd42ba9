"""The spatial response: the strongest channel within the picture."""

import torch

from refseg.images import Letterbox
from refseg.inference.response import strongest_channels


def test_the_strongest_channel_of_each() -> None:
    features = torch.zeros(2, 3, 4, 4)
    features[0, 1, 2, 2] = 5
    features[1, 2, 1, 3] = 4
    features[1, 0] = 3  # higher on the whole, but nowhere as high
    best = strongest_channels(features, Letterbox(64, 64, 64))
    assert torch.equal(best, torch.stack([features[0, 1], features[1, 2]]))


def test_the_border_has_no_say() -> None:
    """A wide picture fills the middle half of the square: rows 1 and 2 of 4."""
    features = torch.zeros(1, 2, 4, 4)
    features[0, 0, 0, 0] = 9
    features[0, 1, 1, 1] = 1
    assert torch.equal(strongest_channels(features, Letterbox(32, 64, 64))[0], features[0, 1])


def test_a_picture_thinner_than_a_cell() -> None:
    features = torch.rand(1, 2, 4, 4)
    assert strongest_channels(features, Letterbox(1, 5000, 64)).shape == (1, 4, 4)
