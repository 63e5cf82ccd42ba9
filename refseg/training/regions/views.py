"""How a training picture is looked at before what the detector finds in it is remembered: as it is, mirrored, and each once more from further away.

The boxes and what is measured in them then differ a little from look to look, as they do between two photos of one thing, so that the choice among
them does not learn the pictures by heart.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from refseg.images import PAD_VALUE, network_input

SMALLEST, LARGEST = 0.6, 0.9  # of the square's side, from further away
GAIN, SHIFT = 0.2, 0.08  # of contrast and brightness


@dataclass(frozen=True)
class Look:
    """side: of the square that the picture is letterboxed into, as a share of the network's; place: of that square, x and y in shares of the room left;
    contrast about mid-grey, and brightness in shares of white."""

    mirrored: bool = False
    side: float = 1.0
    place: tuple[float, float] = (0.0, 0.0)
    contrast: float = 1.0
    brightness: float = 0.0


def looks_at(flippable: bool, rng: np.random.Generator) -> Iterator[Look]:
    """All looks at one picture; mirrored where it may be."""
    for mirrored in (False, True) if flippable else (False,):
        yield Look(mirrored)
        side, across, down = rng.uniform(SMALLEST, LARGEST), rng.random(), rng.random()
        yield Look(mirrored, side, (across, down), 1 + GAIN * rng.uniform(-1, 1), SHIFT * rng.uniform(-1, 1))


def seen(image: NDArray[np.uint8], boxes: NDArray[np.floating], look: Look, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """A picture (H, W, 3) and boxes (M, 4) in shares of its width and height -> images (1, 3, size, size) in 0..1, windows (1, 4) and the boxes (M, 4)
    in pixels of the square."""
    if look.mirrored:
        image = np.ascontiguousarray(image[:, ::-1])
        boxes = boxes[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [1, 0, 1, 0]
    inner = round(look.side * size)
    letterbox, picture, windows = network_input(image, inner)
    x, y = (round(share * (size - inner)) for share in look.place)
    images = torch.full((1, 3, size, size), PAD_VALUE / 255).contiguous(memory_format=torch.channels_last)
    images[:, :, y : y + inner, x : x + inner] = picture
    windows = windows + torch.tensor([x, y, x, y])
    left, top, right, bottom = windows[0].int().tolist()
    proper = images[:, :, top:bottom, left:right]
    proper.copy_((proper * look.contrast + (0.5 - 0.5 * look.contrast + look.brightness)).clamp(0, 1))
    corners = letterbox.forward_points(boxes.reshape(-1, 2) * [image.shape[1], image.shape[0]]) + np.array([x, y])
    return images, windows, torch.from_numpy(corners.reshape(-1, 4)).float()
