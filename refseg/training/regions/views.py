"""Views of a training image whose regions are cached: the original, the mirrored image, and each of them at a smaller
scale.

The boxes and their measurements differ a little between the views, as between two photos of one object. This reduces
overfitting of the selection.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from refseg.letterbox import PAD_VALUE, network_input

SMALLEST, LARGEST = 0.6, 0.9  # of the square's side, at the smaller scale
GAIN, SHIFT = 0.2, 0.08  # of contrast and brightness


@dataclass(frozen=True)
class ImageView:
    """One augmentation of an image. side: of the square that it is letterboxed into, as a share of the system's; place:
    of that square, x and y in shares of the space left; contrast about mid-gray, and brightness in shares of white."""

    mirrored: bool = False
    side: float = 1.0
    place: tuple[float, float] = (0.0, 0.0)
    contrast: float = 1.0
    brightness: float = 0.0


def views_of(flippable: bool, rng: np.random.Generator) -> Iterator[ImageView]:
    """All views of one image; mirrored ones if it may be mirrored."""
    for mirrored in (False, True) if flippable else (False,):
        yield ImageView(mirrored)
        side, across, down = rng.uniform(SMALLEST, LARGEST), rng.random(), rng.random()
        yield ImageView(mirrored, side, (across, down), 1 + GAIN * rng.uniform(-1, 1), SHIFT * rng.uniform(-1, 1))


def render_view(
    image: NDArray[np.uint8], boxes: NDArray[np.floating], view: ImageView, size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """An image (H, W, 3) and boxes (M, 4) in shares of its width and height -> images (1, 3, size, size) in 0..1,
    windows (1, 4) and the boxes (M, 4) in pixels of the square."""
    if view.mirrored:
        image = np.ascontiguousarray(image[:, ::-1])
        boxes = boxes[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [1, 0, 1, 0]
    inner = round(view.side * size)
    letterbox, pixels, windows = network_input(image, inner)
    x, y = (round(share * (size - inner)) for share in view.place)
    images = torch.full((1, 3, size, size), PAD_VALUE / 255).contiguous(memory_format=torch.channels_last)
    images[:, :, y : y + inner, x : x + inner] = pixels
    windows = windows + torch.tensor([x, y, x, y])
    left, top, right, bottom = windows[0].int().tolist()
    proper = images[:, :, top:bottom, left:right]
    proper.copy_((proper * view.contrast + (0.5 - 0.5 * view.contrast + view.brightness)).clamp(0, 1))
    corners = letterbox.forward_points(boxes.reshape(-1, 2) * [image.shape[1], image.shape[0]]) + np.array([x, y])
    return images, windows, torch.from_numpy(corners.reshape(-1, 4)).float()
