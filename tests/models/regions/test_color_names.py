"""Soft colour names: the examples are called by their names, and the colour space is CIELAB."""

import cv2
import numpy as np
import torch

from refseg.models.regions.color_names import EXAMPLES, NAMES, name_colors, to_lab


def test_the_examples_have_their_names() -> None:
    for name, examples in EXAMPLES.items():
        for example in examples:
            shares = name_colors(torch.tensor(example).div(255).view(1, 3, 1, 1)).flatten()
            assert NAMES[int(shares.argmax())] == name, example
            torch.testing.assert_close(shares.sum(), torch.tensor(1.0))


def test_lab_is_opencvs() -> None:
    rgb = np.random.default_rng(0).random((8, 9, 3), dtype=np.float32)
    expected = torch.from_numpy(cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)).permute(2, 0, 1)
    torch.testing.assert_close(
        to_lab(torch.from_numpy(rgb).permute(2, 0, 1).unsqueeze(0))[0], expected, rtol=0, atol=0.3
    )
