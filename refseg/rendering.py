"""Drawing of masks over images, for the page and the command line."""

import re

import cv2
import numpy as np
from numpy.typing import NDArray

from refseg.errors import InputError

Color = str | tuple[int, int, int]
DEFAULT_COLOR = "#ff3d7f"
_HEX = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")
_RGB = re.compile(r"rgba?\(\s*([\d.]+)[\s,]+([\d.]+)[\s,]+([\d.]+)\s*(?:[,/]\s*[\d.]+%?\s*)?\)")


def parse_color(color: Color) -> tuple[int, int, int]:
    """Convert "#rgb", "#rrggbb", "rgb(r, g, b)" or a tuple to (red, green, blue) in 0..255.

    An alpha value is ignored. Raises InputError.
    """
    values: tuple[float, ...] = ()
    if isinstance(color, tuple):
        values = color
    elif isinstance(color, str) and (match := _HEX.fullmatch(color.strip())):
        digits = match[1] if len(match[1]) > 3 else "".join(digit * 2 for digit in match[1])
        values = tuple(int(digits[i : i + 2], 16) for i in (0, 2, 4))
    elif (
        isinstance(color, str)
        and (match := _RGB.fullmatch(color.strip()))
        and all(part.count(".") < 2 for part in match.groups())
    ):
        values = tuple(float(part) for part in match.groups())
    if len(values) != 3 or not all(0 <= value <= 255 for value in values):
        raise InputError(f"the color is {color!r}, expected a color such as {DEFAULT_COLOR} or rgb(255, 61, 127)")
    red, green, blue = (round(value) for value in values)
    return red, green, blue


def overlay(
    image: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    color: Color = DEFAULT_COLOR,
    opacity: float = 0.5,
    outline: bool | int = True,
) -> NDArray[np.uint8]:
    """Draw a mask over an image.

    Args:
        image: uint8 RGB (H, W, 3).
        mask: bool (H, W).
        color: color of the mask, see `parse_color`.
        opacity: 0 shows the image only, 1 the color only.
        outline: width in pixels of the mask's edge, which is drawn inside the mask at full opacity; True chooses a
            width by the size of the image, False draws no edge.

    Returns:
        A new array (H, W, 3).

    Raises:
        InputError: the sizes differ or a value is out of range.
    """
    if image.ndim != 3 or image.shape[2] != 3 or mask.shape != image.shape[:2]:
        raise InputError(
            f"the image has shape {image.shape} and the mask {mask.shape}, expected (H, W, 3) and (H, W): use its own"
            " mask"
        )
    if not 0 <= opacity <= 1:
        raise InputError(f"the opacity is {opacity}, expected a number from 0 to 1: change it")
    paint = np.array(parse_color(color), dtype=np.uint8)
    # A lookup table of the 256 values of a channel is exact, and needs no float copy of a large image.
    table = np.round((1 - opacity) * np.arange(256)[:, None] + opacity * paint.astype(np.float64)).astype(
        np.uint8
    )  # (256, 3)
    covered = np.asarray(cv2.LUT(np.ascontiguousarray(image), table[None]), dtype=np.uint8)
    result = np.where(mask[..., None], covered, image)
    width = max(1, round(max(mask.shape) / 320)) if outline is True else int(outline)
    if width > 0:
        result[edge(mask, width)] = paint
    return result


def edge(mask: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """Return the pixels of `mask` (H, W) less than `width` pixels from its outside. The image border is not an edge."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 1, 2 * width + 1))
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), width, width, width, width, cv2.BORDER_REPLICATE)
    inner = cv2.erode(padded, kernel)[width : width + mask.shape[0], width : width + mask.shape[1]]
    return np.asarray(mask & (inner == 0))
