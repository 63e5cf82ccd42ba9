"""Letterbox: fits an image into a square for a network, and maps results back to the image exactly."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

PAD_VALUE = 114  # gray level of the border; detectors are trained with it

Pixel = TypeVar("Pixel", bound=np.generic)


@dataclass(frozen=True)
class Letterbox:
    """An image of height x width inside a square of side `size`: scaled to fit, centered, with a border.

    `forward` maps an image into the square, `inverse` maps results back. Positions are continuous pixel coordinates:
    the pixel (column i, row j) covers [i, i+1) x [j, j+1).
    """

    height: int
    width: int
    size: int

    @classmethod
    def of(cls, image: NDArray[np.generic], size: int) -> "Letterbox":
        """The letterbox of an array (H, W, ...)."""
        return cls(int(image.shape[0]), int(image.shape[1]), size)

    @property
    def inner(self) -> tuple[int, int]:
        """(height, width) of the scaled image in the square, each at least 1."""
        longest = max(self.height, self.width)
        height, width = (max(1, round(side * self.size / longest)) for side in (self.height, self.width))
        return height, width

    @property
    def top(self) -> int:
        """Rows of border above the image."""
        return (self.size - self.inner[0]) // 2

    @property
    def left(self) -> int:
        """Columns of border left of the image."""
        return (self.size - self.inner[1]) // 2

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the square that the image fills."""
        h, w = self.inner
        return slice(self.top, self.top + h), slice(self.left, self.left + w)

    @property
    def corners(self) -> tuple[int, int, int, int]:
        """(x1, y1, x2, y2) of `window`, in pixels of the square."""
        rows, columns = self.window
        return columns.start, rows.start, columns.stop, rows.stop

    @property
    def scaled(self) -> "Letterbox":
        """Letterbox of the scaled image: its `inverse` returns maps of the size `inner`."""
        return Letterbox(*self.inner, self.size)

    def of_cells(self, cells: int) -> "Letterbox":
        """Letterbox of the same image in a grid of `cells` x `cells`. `window` is the part that the image fills."""
        return Letterbox(self.height, self.width, cells)

    @property
    def scale(self) -> tuple[float, float]:
        """(x, y) factors from the image to the square; they differ only by rounding."""
        return self.inner[1] / self.width, self.inner[0] / self.height

    def forward(self, image: NDArray[Pixel], value: float = PAD_VALUE) -> NDArray[Pixel]:
        """Scale and pad an array (H, W[, C]) to (size, size[, C]) of the same type. The border is `value`.

        Shrinking takes area averages, enlarging is bilinear. Raises ValueError for an array of another size.
        """
        if image.shape[:2] != (self.height, self.width):
            raise ValueError(
                f"expected an array of {self.height} x {self.width}, got {image.shape[0]} x {image.shape[1]}"
            )
        square = np.full((self.size, self.size, *image.shape[2:]), value, dtype=image.dtype)
        square[self.window] = _resized(image, self.inner).reshape(*self.inner, *image.shape[2:])
        return square

    def inverse(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Resize a map of the square (n, n), for any n, to float32 (H, W); bilinear. The border is cut off."""
        square: NDArray[np.generic] = np.asarray(values, dtype=np.float32)
        if square.shape != (self.size, self.size):
            square = _resized(square, (self.size, self.size), enlarge_only=True)
        return _resized(square[self.window], (self.height, self.width), enlarge_only=True).astype(
            np.float32, copy=False
        )

    def forward_points(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Convert positions (N, 2), x and y, from the image to the square."""
        return np.asarray(points, dtype=np.float64) * self.scale + (self.left, self.top)

    def inverse_points(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Convert positions (N, 2), x and y, from the square to the image."""
        return (np.asarray(points, dtype=np.float64) - (self.left, self.top)) / self.scale


def _resized(image: NDArray[Pixel], shape: tuple[int, int], enlarge_only: bool = False) -> NDArray[Pixel]:
    """Resize (H, W[, C]) to (height, width): area average if it shrinks and not `enlarge_only`, otherwise bilinear."""
    if image.shape[:2] == shape:
        return image
    shrinks = shape[0] * shape[1] < image.shape[0] * image.shape[1] and not enlarge_only
    flags = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized: NDArray[Pixel] = cv2.resize(np.ascontiguousarray(image), (shape[1], shape[0]), interpolation=flags)  # type: ignore[assignment]
    return resized


def network_input(
    image: NDArray[np.uint8], size: int, padding: int = PAD_VALUE
) -> "tuple[Letterbox, torch.Tensor, torch.Tensor]":
    """Prepare an image for a system.

    Args:
        image: uint8 RGB (H, W, 3).
        size: side S of the network's input, in pixels.
        padding: gray level of the border, 0..255.

    Returns:
        The letterbox; images (1, 3, S, S) in 0..1, channels last in memory; windows (1, 4), see `Letterbox.corners`.
    """
    import torch

    letterbox = Letterbox.of(image, size)
    images = to_tensor(letterbox.forward(image, padding)).unsqueeze(0).contiguous(memory_format=torch.channels_last)
    return letterbox, images, torch.tensor([letterbox.corners], dtype=torch.float32)


def to_tensor(square: NDArray[np.uint8]) -> "torch.Tensor":
    """Convert uint8 (S, S, 3) to float32 (3, S, S) in 0..1."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(square)).permute(2, 0, 1).float() / 255
