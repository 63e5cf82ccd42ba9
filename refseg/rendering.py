"""A mask over its picture, as the page and the command line show it."""

import re

import cv2
import numpy as np
from numpy.typing import NDArray

from refseg.errors import InputError

Colour = str | tuple[int, int, int]
DEFAULT_COLOUR = "#ff3d7f"
_HEX = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")
_RGB = re.compile(r"rgba?\(\s*([\d.]+)[\s,]+([\d.]+)[\s,]+([\d.]+)\s*(?:[,/]\s*[\d.]+%?\s*)?\)")


def parse_colour(colour: Colour) -> tuple[int, int, int]:
    """(red, green, blue) in 0..255 of "#rgb", "#rrggbb", "rgb(r, g, b)" or a triple; an alpha value is ignored. Raises InputError."""
    values: tuple[float, ...] = ()
    if isinstance(colour, tuple):
        values = colour
    elif isinstance(colour, str) and (match := _HEX.fullmatch(colour.strip())):
        digits = match[1] if len(match[1]) > 3 else "".join(digit * 2 for digit in match[1])
        values = tuple(int(digits[i : i + 2], 16) for i in (0, 2, 4))
    elif isinstance(colour, str) and (match := _RGB.fullmatch(colour.strip())) and all(part.count(".") < 2 for part in match.groups()):
        values = tuple(float(part) for part in match.groups())
    if len(values) != 3 or not all(0 <= value <= 255 for value in values):
        raise InputError(f"the colour is {colour!r}, expected one like {DEFAULT_COLOUR} or rgb(255, 61, 127)")
    red, green, blue = (round(value) for value in values)
    return red, green, blue


def overlay(
    image: NDArray[np.uint8], mask: NDArray[np.bool_], colour: Colour = DEFAULT_COLOUR, opacity: float = 0.5, outline: bool | int = True
) -> NDArray[np.uint8]:
    """`image` (H, W, 3) with the positions of `mask` (H, W) blended towards `colour`, and the mask's edge drawn inside it in the pure colour.

    opacity: 0 leaves the picture, 1 covers it.  outline: width of the edge in pixels, True for one that suits the picture's size, False for none.
    Returns a new array (H, W, 3). Raises InputError when the sizes differ or a value is out of range.
    """
    if image.ndim != 3 or image.shape[2] != 3 or mask.shape != image.shape[:2]:
        raise InputError(f"got a picture of shape {image.shape} and a mask of shape {mask.shape}, expected (H, W, 3) and (H, W)")
    if not 0 <= opacity <= 1:
        raise InputError(f"the opacity is {opacity}, expected a number from 0 to 1")
    paint = np.array(parse_colour(colour), dtype=np.uint8)
    # 256 possible values per channel: a table is exact and spares a float copy of a large picture.
    table = np.round((1 - opacity) * np.arange(256)[:, None] + opacity * paint.astype(np.float64)).astype(np.uint8)  # (256, 3)
    covered = np.asarray(cv2.LUT(np.ascontiguousarray(image), table[None]), dtype=np.uint8)
    result = np.where(mask[..., None], covered, image)
    width = max(1, round(max(mask.shape) / 320)) if outline is True else int(outline)
    if width > 0:
        result[edge(mask, width)] = paint
    return result


def edge(mask: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """Positions of `mask` (H, W) that are less than `width` pixels from its outside; the border of the picture is no edge."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 1, 2 * width + 1))
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), width, width, width, width, cv2.BORDER_REPLICATE)
    inner = cv2.erode(padded, kernel)[width : width + mask.shape[0], width : width + mask.shape[1]]
    return np.asarray(mask & (inner == 0))
