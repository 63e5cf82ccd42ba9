"""The attention of a single position: the rows of the attention matrix for the position under a point."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from refseg.errors import InputError, UnavailableError
from refseg.letterbox import Letterbox
from refseg.models.system import AttendsFromPlace

if TYPE_CHECKING:
    from refseg.inference.predictor import EncodedImage, Predictor

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PointAttention:
    """The attention of position p on each of L levels, exactly: a[(p,n),(p',n')] of Eq. 3 pooled over the query words
    with their weights a_n of Eq. 4.

    tokens: the words, T of them.  words (L, T) float32: sum_n a_n sum_p' a[(p,n),(p',n')], rows sum to 1.  places (L,
    h, w) float32: sum_n a_n sum_n' a[(p,n),(p',n')] at each position p' of the network's grid over the letterboxed
    square, each level sums to 1; a part of it may lie in the border around the image.  cell: row and column of p on
    that grid.
    """

    tokens: tuple[str, ...]
    words: FloatArray
    places: FloatArray = field(repr=False)
    cell: tuple[int, int]
    letterbox: Letterbox = field(repr=False)

    def place_map(self, level: int) -> FloatArray:
        """(H, W) float32, 0..1: the places of one level, enlarged bilinearly to the image; values stay those of the
        grid. Raises IndexError.
        """
        return self.letterbox.inverse(self.places[level])


def attention_at(predictor: Predictor, encoded: EncodedImage, expression: str, x: float, y: float) -> PointAttention:
    """The attention of the position under the point (x, y), given the expression; from the cached features, without a
    pass of the backbone.

    x, y: in pixels of the image, 0 <= x < W and 0 <= y < H; the pixel (i, j) covers i <= x < i + 1, j <= y < j + 1.
    Raises InputError for a point outside, an expression that cannot be used or an image that another model has encoded,
    UnavailableError for a model without attention of single positions.
    """
    predictor.check(encoded)
    read = predictor.tokenizer.encode(expression)
    tokens, valid = (torch.from_numpy(array).to(predictor.device) for array in predictor.tokenizer.batch([read]))
    with predictor.running() as system:
        if not isinstance(system, AttendsFromPlace):
            raise UnavailableError(
                f"the model {predictor.name} has no attention of single positions: choose another model"
            )
        grid = system.attention_grid(encoded.features)
        row, column = cell_under(encoded.letterbox, grid, x, y)
        attended = system.attention_from(encoded.to(predictor.device).features, tokens, valid, row * grid[1] + column)
        words, places = (part[0].float().cpu().numpy() for part in attended)
    return PointAttention(read.tokens, words, places, (row, column), encoded.letterbox)


def cell_under(letterbox: Letterbox, grid: tuple[int, int], x: float, y: float) -> tuple[int, int]:
    """(row, column) of the cell of a grid (h, w) over the square that contains the point (x, y) of the image. Raises
    InputError for a point outside.
    """
    if not (0 <= x < letterbox.width and 0 <= y < letterbox.height):
        raise InputError(
            f"the point is ({x:g}, {y:g}), expected one inside the image: x from 0 to below {letterbox.width}, y from 0"
            f" to below {letterbox.height}"
        )
    ((across, down),) = letterbox.forward_points(np.array([[x, y]]))
    h, w = grid
    # Rounding may put a point at the far edge of the image onto the edge of the square.
    return min(int(down * h / letterbox.size), h - 1), min(int(across * w / letterbox.size), w - 1)
