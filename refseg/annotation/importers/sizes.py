"""Masks that were made for another size or orientation of an image than that of its file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from refseg.data.masks import BoolMask
from refseg.errors import DataError
from refseg.images import ImageHeader

MAX_DEVIATION = 0.03  # of the ratio of height to width; sizes are rounded to pixels

# By EXIF orientation: how stored pixels become upright.
_TURNS: dict[int, Callable[[BoolMask], BoolMask]] = {
    2: lambda mask: mask[:, ::-1],
    3: lambda mask: mask[::-1, ::-1],
    4: lambda mask: mask[::-1],
    5: lambda mask: mask.T,
    6: lambda mask: mask[::-1].T,
    7: lambda mask: mask[::-1, ::-1].T,
    8: lambda mask: mask[:, ::-1].T,
}


@dataclass(frozen=True)
class SizeFit:
    """How positions in an image of an annotated size become positions in the upright image.

    annotated, stored, upright: (height, width) of what was annotated, of the pixels in the file and of the upright
    image.  orientation: of EXIF, that turns masks of the stored size upright; 1 where they are upright already.
    ambiguous: whether the sizes cannot tell if the image was upright when it was annotated.
    """

    annotated: tuple[int, int]
    stored: tuple[int, int]
    upright: tuple[int, int]
    orientation: int = 1
    ambiguous: bool = False

    @classmethod
    def of(cls, header: ImageHeader, annotated: tuple[int, int] | None) -> SizeFit:
        """The fit for a size (height, width); None for annotations that give none.

        Raises DataError, naming both sizes, if the shapes differ.
        """
        upright, stored = (header.height, header.width), header.stored_size
        if annotated is None:
            return cls(upright, upright, upright)
        if annotated in (upright, stored):
            as_upright, as_stored = annotated == upright, annotated == stored
        else:
            as_upright, as_stored = _same_shape(annotated, upright), _same_shape(annotated, stored)
        if as_upright:
            return cls(annotated, upright, upright, ambiguous=as_stored and not header.upright)
        if as_stored:
            return cls(annotated, stored, upright, header.orientation)
        raise DataError(
            f"image is {upright[1]} x {upright[0]}, its annotations are for {annotated[1]} x {annotated[0]}"
        )

    @property
    def is_scaled(self) -> bool:
        """Whether the image was annotated at another size."""
        return self.annotated != self.stored

    @property
    def is_turned(self) -> bool:
        """Whether masks are turned or mirrored like the image."""
        return self.orientation != 1

    def scale_points(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Positions x, y (N, 2) in the annotated image -> in pixels as they are stored."""
        return points * (self.stored[1] / self.annotated[1], self.stored[0] / self.annotated[0])

    def fit_mask(self, mask: BoolMask) -> BoolMask:
        """A mask of the annotated size -> of the upright image."""
        if self.is_scaled:
            shrinks = self.stored[0] * self.stored[1] < mask.size
            flags = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            mask = cv2.resize(mask.astype(np.float32), (self.stored[1], self.stored[0]), interpolation=flags) >= 0.5
        return self.turn(mask)

    def turn(self, mask: BoolMask) -> BoolMask:
        """A mask of the stored size -> of the upright image."""
        turn = _TURNS.get(self.orientation)
        turned = mask if turn is None else turn(mask)
        return np.ascontiguousarray(turned)


def _same_shape(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two sizes are of one image but for scaling and rounding."""
    (height, width), (other_height, other_width) = one, other
    if min(one) < 1:
        return False
    ratio = height * other_width / (width * other_height)
    rounded = (
        abs(height - other_height * width / other_width) <= 1 or abs(width - other_width * height / other_height) <= 1
    )
    return rounded and 1 / (1 + MAX_DEVIATION) <= ratio <= 1 + MAX_DEVIATION
