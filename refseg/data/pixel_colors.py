"""Names the color of an object from its pixels, if the name is certain.

The eleven names are those of `refseg.models.regions.color_names`, the rule is another one. That module gives each pixel
a share of every name, by distances in CIELAB, as input of a network. Templates need names that people would agree on,
so here fixed thresholds in HSV choose one name for each pixel. Both choose the same name for 71% of random sRGB colors,
and the same or a neighboring one for 91%.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from refseg.data.masks import BoolMask, box_of
from refseg.models.regions.color_names import NAMES

_INDEX = {name: index for index, name in enumerate(NAMES)}
# Names with a border that depends on light and taste: neighbors do not distinguish two objects.
NEIGHBORS: dict[str, frozenset[str]] = {
    "black": frozenset({"gray", "brown"}),
    "white": frozenset({"gray", "yellow"}),
    "gray": frozenset({"black", "white", "blue", "brown"}),
    "red": frozenset({"orange", "pink", "brown"}),
    "orange": frozenset({"red", "yellow", "brown"}),
    "yellow": frozenset({"orange", "green", "brown", "white"}),
    "green": frozenset({"yellow"}),
    "blue": frozenset({"purple", "gray"}),
    "purple": frozenset({"blue", "pink"}),
    "pink": frozenset({"red", "purple"}),
    "brown": frozenset({"black", "orange", "red", "gray", "yellow"}),
}


def name_pixels(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Index into `NAMES` of every color of `rgb` uint8 (N, 3); the result is uint8 (N,)."""
    if len(rgb) == 0:
        return np.zeros(0, dtype=np.uint8)
    hsv = cv2.cvtColor(rgb.reshape(-1, 1, 3), cv2.COLOR_RGB2HSV).reshape(-1, 3).astype(np.int32)
    hue, saturation, value = hsv[:, 0] * 2, hsv[:, 1], hsv[:, 2]
    chroma = saturation * value // 255
    names = np.select(
        [hue < 16, hue < 42, hue < 68, hue < 165, hue < 258, hue < 292, hue < 335],
        [_INDEX[name] for name in ("red", "orange", "yellow", "green", "blue", "purple", "pink")],
        _INDEX["red"],
    )
    warm = (hue < 50) | (hue >= 345)
    # Dark or dull orange is brown; pale red is pink; dark yellow reads as brown or olive, which brown covers better
    # than yellow.
    names = np.where(warm & (hue >= 12) & (hue < 50) & ((value < 175) | (saturation < 120)), _INDEX["brown"], names)
    names = np.where(((hue < 12) | (hue >= 335)) & (saturation < 140) & (value >= 150), _INDEX["pink"], names)
    names = np.where((hue >= 50) & (hue < 68) & (value < 120), _INDEX["brown"], names)
    is_gray = (chroma < 26) | (saturation < 34)
    names = np.where(is_gray & (value < 175), _INDEX["gray"], names)
    names = np.where(is_gray & (value >= 175), _INDEX["white"], names)
    names = np.where((value < 52) | ((value < 72) & (saturation < 90)), _INDEX["black"], names)
    return names.astype(np.uint8)


def color_shares(image: NDArray[np.uint8], mask: BoolMask, sample: int = 1500) -> NDArray[np.float32]:
    """Share of each of `NAMES` among the pixels of `mask` (H, W) in `image` uint8 (H, W, 3): float32 (11,) that sums to
    1, or zeros.

    Counts about `sample` evenly spread pixels at most. Pixels on the outline are left out if there are enough others.
    """
    box = box_of(mask)
    shares = np.zeros(len(NAMES), dtype=np.float32)
    if box is None:
        return shares
    left, top, right, bottom = box
    inner = mask[top:bottom, left:right]
    eroded = cv2.erode(
        inner.astype(np.uint8), np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0
    ).astype(bool)
    if eroded.sum() >= 30:
        inner = eroded
    pixels = image[top:bottom, left:right][inner]
    names = name_pixels(np.ascontiguousarray(pixels[:: max(1, len(pixels) // sample)]))
    return (np.bincount(names, minlength=len(NAMES)) / len(names)).astype(np.float32)


def dominant_color(shares: NDArray[np.float32], least: float = 0.6, least_brown: float = 0.72) -> str | None:
    """The color name of at least the share `least` of an object, or None. Brown needs `least_brown`, because warm light
    makes any object look brown.
    """
    best = int(shares.argmax())
    return NAMES[best] if shares[best] >= (least_brown if NAMES[best] == "brown" else least) else None


def certainly_not(shares: NDArray[np.float32], name: str, most: float = 0.1, nearby: float = 0.35) -> bool:
    """Whether an object would not be named by this color: at most the share `most` has it, and at most `nearby` has a
    neighbor of it.
    """
    near = sum(float(shares[_INDEX[other]]) for other in NEIGHBORS[name])
    return float(shares[_INDEX[name]]) <= most and near <= nearby
