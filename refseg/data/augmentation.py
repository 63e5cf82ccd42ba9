"""Random changes of an image for which its expressions still hold: mirror, crop, color.

Pure functions: a plan is drawn from a generator first and then applied to the image and to any number of masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from refseg.data.masks import BoolMask, box_of
from refseg.data.wording import depends_on_position, mentions_writing, mirror_text, names_color

UintImage = NDArray[np.uint8]


@dataclass(frozen=True)
class AugmentationConfig:
    """Strengths. Areas and sides are shares of the image. `mild_side`: least side of a crop if an expression depends on
    the whole image.
    """

    mirror: float = 0.5
    crop: float = 0.7
    least_area: float = 0.45
    mild_side: float = 0.93
    least_visible: float = 0.9
    brightness: float = 0.25
    contrast: float = 0.25
    saturation: float = 0.35
    hue: float = 8.0
    gray: float = 0.04
    blur: float = 0.08


@dataclass(frozen=True)
class Window:
    """A part of an image in pixels, right and bottom exclusive, mirrored or not."""

    left: int
    top: int
    right: int
    bottom: int
    mirrored: bool = False

    def apply(self, array: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """That part of an array (H, W, ...)."""
        part = array[self.top : self.bottom, self.left : self.right]
        return np.ascontiguousarray(part[:, ::-1] if self.mirrored else part)

    def apply_mask(self, mask: BoolMask) -> BoolMask:
        """That part of a bool mask (H, W)."""
        return self.apply(mask.view(np.uint8)).view(np.bool_)


def draw_window(
    shape: tuple[int, int],
    masks: Sequence[BoolMask],
    texts: Sequence[str],
    rng: np.random.Generator,
    config: AugmentationConfig,
    flippable: bool = True,
) -> Window:
    """Draw a crop of an image (H, W), mirrored or not, in which `texts` still describe `masks` (bool (H, W)).

    It is mirrored only if `flippable` and if no text mentions writing. A crop keeps at least `least_visible` of each
    mask that is not empty. It is a mild one if a text depends on the whole image or no other crop is found.
    """
    height, width = shape
    mirrored = flippable and rng.random() < config.mirror and not any(mentions_writing(text) for text in texts)
    if rng.random() >= config.crop:
        return Window(0, 0, width, height, mirrored)
    targets = [(mask, int(mask.sum())) for mask in masks]
    boxes = [box_of(mask) for mask in masks]
    if not any(depends_on_position(text) for text in texts):
        for _ in range(6):
            window = _random_window(height, width, rng, config.least_area, mirrored)
            if _keeps(window, targets, boxes, config.least_visible):
                return window
    for _ in range(3):
        window = _random_window(height, width, rng, config.mild_side**2, mirrored)
        if _keeps(window, targets, boxes, config.least_visible):
            return window
    return Window(0, 0, width, height, mirrored)


def _random_window(height: int, width: int, rng: np.random.Generator, least_area: float, mirrored: bool) -> Window:
    area = rng.uniform(least_area, 1.0)
    # The sides' ratio may change as far as both stay within the image and none falls below the share of the area.
    stretch = np.exp(rng.uniform(-1, 1) * min(0.25, -0.5 * np.log(area) + 0.02))
    w = min(width, max(1, round(width * np.sqrt(area) * stretch)))
    h = min(height, max(1, round(height * np.sqrt(area) / stretch)))
    left, top = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
    return Window(left, top, left + w, top + h, mirrored)


def _keeps(
    window: Window,
    targets: Sequence[tuple[BoolMask, int]],
    boxes: Sequence[tuple[int, int, int, int] | None],
    least: float,
) -> bool:
    for (mask, area), box in zip(targets, boxes, strict=True):
        if box is None:
            continue
        left, top, right, bottom = box
        if left >= window.left and top >= window.top and right <= window.right and bottom <= window.bottom:
            continue
        if int(mask[window.top : window.bottom, window.left : window.right].sum()) < least * area:
            return False
    return True


def reword(texts: Sequence[str], window: Window) -> list[str]:
    """The expressions for the window: left and right are swapped if it is mirrored."""
    return [mirror_text(text) for text in texts] if window.mirrored else list(texts)


def jitter_colors(
    image: UintImage, texts: Sequence[str], rng: np.random.Generator, config: AugmentationConfig
) -> UintImage:
    """Random brightness and contrast, rarely a light blur; saturation, hue and rarely gray too, unless a text names a
    color.
    """
    colorful = not any(names_color(text) for text in texts)
    strength = 1.0 if colorful else 0.6
    gain = 1 + strength * config.contrast * rng.uniform(-1, 1)
    shift = 255 * strength * 0.5 * config.brightness * rng.uniform(-1, 1)
    values = np.arange(256, dtype=np.float32)
    curve = np.clip((values - 128) * gain + 128 + shift, 0, 255).astype(np.uint8)
    gray, blur = rng.random() < config.gray, rng.random() < config.blur
    saturation, hue = 1 + config.saturation * rng.uniform(-1, 1), config.hue * rng.uniform(-1, 1)
    result = cv2.LUT(image, curve)
    if colorful and gray:
        result = cv2.cvtColor(cv2.cvtColor(result, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    elif colorful:
        hsv = cv2.cvtColor(result, cv2.COLOR_RGB2HSV)
        tables = np.stack([(values + hue) % 180, np.clip(values * saturation, 0, 255), values], axis=-1)
        hsv = cv2.LUT(hsv, tables.astype(np.uint8).reshape(256, 1, 3))
        result = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    if blur:
        result = cv2.GaussianBlur(result, (3, 3), 0)
    return result.astype(np.uint8, copy=False)
