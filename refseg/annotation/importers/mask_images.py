"""Masks in image files: which pixels of a PNG are the object, and which number each pixel of a label image has.

Tools write a mask in many ways: 0 and 1, 0 and 255, bits, a palette, color on black, an object on a transparent
background, 16 bits. What a file means is decided by the values that occur in it. A file that can be read in two ways is
refused, with the reason.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from refseg.annotation.layouts import VOC_VOID
from refseg.data.masks import BoolMask
from refseg.errors import DataError
from refseg.images import MAX_PIXELS, opened_image
from refseg.video.formats import davis_palette

VOID_COLOR = (224, 224, 192)  # of Pascal VOC's border, its number 255
Numbers = NDArray[np.int64]
"""One number a pixel, (H, W)."""
COVERS_ALL = "covers every pixel of the image"
FORMATS = ("PNG", "BMP", "TIFF", "GIF", "WEBP", "PPM", "JPEG")
_SOFT = 5  # pixels; how wide soft edges are less than
_BLURRED = 25  # the same for edges that are certainly a gradient
_GRADIENT = 12  # values of a gradient, at least
_LEAST_LEVEL = 20  # gray levels closer than this look the same
_STEP = 0.3  # of the range of values, which a gradient does not leave out


@dataclass(frozen=True)
class BinaryMask:
    """pixels: (H, W).  note: how the file was understood, for the report, where that is not plain; "" otherwise."""

    pixels: BoolMask
    note: str = ""


@dataclass(frozen=True)
class LabelImage:
    """An image whose pixels are numbers.

    numbers: (H, W); 0 for the background.  colors: RGB by number, where the file has colors.
    meaning: where the numbers are from: the file itself, the position of its colors in Pascal VOC's palette, or only
    the order of other colors.
    """

    numbers: Numbers
    colors: dict[int, tuple[int, int, int]]
    meaning: Literal["file", "palette", "order"]

    def text(self, number: int) -> str:
        """A number as text, or its color if only that has a meaning."""
        return "#{:02x}{:02x}{:02x}".format(*self.colors[number]) if self.meaning == "order" else str(number)


def read_binary_mask(source: Path | bytes, is_cropped: bool = False) -> BinaryMask:
    """The pixels of the one object of a mask file. Raises DataError, with a reason that completes "the mask ...", if it
    is none or holds several.

    is_cropped: whether the file holds the box of the object only, so that it may well cover every pixel.
    """
    found = _read_pixels(_decode(source))
    return BinaryMask(found.pixels) if is_cropped and found.note == COVERS_ALL else found


def _read_pixels(image: Image.Image) -> BinaryMask:
    has_alpha = "A" in image.getbands() or "transparency" in image.info
    if has_alpha:
        rgba = np.asarray(image.convert("RGBA"))
        if (rgba[..., 3] != rgba[0, 0, 3]).any():
            return _from_alpha(rgba)
    if image.mode == "P":
        return _from_indices(np.asarray(image), np.asarray(image.convert("RGB")))
    if image.mode in ("PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV"):
        return _from_colors(np.asarray(image.convert("RGB")))
    grey = np.asarray(image.getchannel(0) if image.mode == "LA" else image)
    return _from_values(_without_noise(grey) if image.format == "JPEG" else grey.astype(np.float64))


def _without_noise(grey: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Values of a JPEG; those close to black or white are noise of the compression."""
    return np.where(grey < 32, 0, np.where(grey >= 224, 255, grey)).astype(np.float64)


def _from_alpha(rgba: NDArray[np.uint8]) -> BinaryMask:
    """An object on a transparent background; opaque black beside another opaque color is background, too."""
    alpha = rgba[..., 3].astype(np.int64)
    opaque = 2 * alpha >= alpha.max()
    values = np.unique(rgba[opaque][:, :3], axis=0)
    if len(values) == 2 and not values[0].any():
        return BinaryMask(opaque & rgba[..., :3].any(axis=2))
    return BinaryMask(opaque, "the opaque part of an image with transparency")


def _from_indices(indices: NDArray[np.uint8], rgb: NDArray[np.uint8]) -> BinaryMask:
    """An indexed image: its colors decide where one of them is black, otherwise its indices."""
    known = np.unique(indices)
    black = np.any([not rgb[indices == value][0].any() for value in known])
    if len(known) == 2 and known[0] == 0 and (not black or not rgb.any()):
        return BinaryMask(indices != 0)
    return _from_colors(rgb)


def _from_colors(rgb: NDArray[np.uint8]) -> BinaryMask:
    if (rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 0] == rgb[..., 2]).all():
        return _from_values(rgb[..., 0].astype(np.float64))
    codes = _codes(rgb)
    known = np.unique(codes)
    if len(known) == 1:
        raise DataError("has one color only")
    if len(known) == 2 and known[0] == 0:
        return BinaryMask(codes != 0)
    raise DataError("has colors other than one on black")


def _from_values(values: NDArray[np.float64]) -> BinaryMask:
    known = np.unique(values)
    if len(known) == 1:
        if known[0] in (1, 255, 65535):
            return BinaryMask(np.ones(values.shape, dtype=bool), COVERS_ALL)
        raise DataError("is empty" if known[0] == 0 else "has one value only")
    if len(known) == 2 and known[0] == 0:
        return BinaryMask(values > 0)
    is_soft = known[-1] in (1, 255, 65535) and _are_edges(values, known)
    if len(known) > 2 and known[0] == 0 and (is_soft or _are_gradient(values, known)):
        return BinaryMask(values >= known[-1] / 2, "has soft edges; pixels of at least half the value count")
    if len(known) == 2 and known[-1] == 255:
        return BinaryMask(values == 255, "has another value than 0 beside 255; pixels of 255 count")
    raise DataError("has values other than 0 and one more")


def _are_edges(values: NDArray[np.float64], known: NDArray[np.float64]) -> bool:
    """Whether values between the lowest and the highest are soft edges: thin, and not only small numbers, which would
    be other objects."""
    between = (values > known[0]) & (values < known[-1])
    is_thin = not cv2.erode(between.astype(np.uint8), np.ones((_SOFT, _SOFT), np.uint8)).any()
    return is_thin and bool(known[-2] > known[-1] / 8)


def _are_gradient(values: NDArray[np.float64], known: NDArray[np.float64]) -> bool:
    """Whether values between the lowest and the highest are an edge as resizing and blurring make it, which may be
    wider: many values without large steps, none of which fills an area of its own, as objects would."""
    if len(known) < _GRADIENT or (np.diff(known) > _STEP * known[-1]).any():
        return False
    between = (values > known[0]) & (values < known[-1])
    window, pixels = np.ones((3, 3), np.uint8), values.astype(np.float32)
    is_flat = between & (cv2.erode(pixels, window) == cv2.dilate(pixels, window))
    is_thin = not cv2.erode(between.astype(np.uint8), np.ones((_BLURRED, _BLURRED), np.uint8)).any()
    return is_thin and not is_flat.any()


def read_label_image(source: Path | bytes) -> LabelImage:
    """The numbers of an indexed, grey or colored mask image.

    Colors of Pascal VOC's palette get their numbers there, so (128, 0, 0) is 1 and VOID_COLOR is 255; any others are
    numbered from 1 in the order of their values, black being 0. Raises DataError, with a reason that completes "the
    mask ...".
    """
    image = _decode(source)
    if image.format == "JPEG":
        raise DataError("is a JPEG, which changes the numbers")
    if image.mode in ("P", "PA"):
        indices = np.asarray(image if image.mode == "P" else image.getchannel(0)).astype(np.int64)
        palette = _palette(image)
        used = [int(value) for value in np.unique(indices)]
        # A palette whose first color is not black was made for the colors that occur: its indices mean nothing.
        if palette.get(0, (0, 0, 0)) == (0, 0, 0) or (0, 0, 0) not in [palette.get(value) for value in used]:
            return LabelImage(indices, {value: palette[value] for value in used if value in palette}, "file")
    elif image.mode in ("1", "L", "LA", "I", "I;16", "I;16B"):
        grey = np.asarray(image.getchannel(0) if image.mode == "LA" else image).astype(np.int64)
        if grey.min() < 0:
            raise DataError("has negative values")
        return LabelImage(grey, {}, "file")
    elif image.mode == "F":
        raise DataError("has fractions as values, expected whole numbers")
    if "A" in image.getbands() or "transparency" in image.info:
        rgba = np.asarray(image.convert("RGBA"))
        rgb = np.where(rgba[..., 3:] >= 128, rgba[..., :3], 0).astype(np.uint8)
    else:
        rgb = np.asarray(image.convert("RGB"))
    return _numbers_of_colors(rgb)


def object_numbers(numbers: Numbers) -> list[int]:
    """The numbers of the objects of a label image (H, W), increasing.

    255 is a border beside numbers that count from 1, as in VOC and DAVIS; beside grey levels such as 128, or beside
    numbers above, it is an object.
    """
    known = [int(value) for value in np.unique(numbers) if value]
    if len(known) > 1 and known[0] < _LEAST_LEVEL and known[-1] == VOC_VOID:
        known.pop()
    return known


def _numbers_of_colors(rgb: NDArray[np.uint8]) -> LabelImage:
    known, places = np.unique(_codes(rgb), return_inverse=True)
    if len(known) > 1000:
        raise DataError("has too many colors to be one for each object")
    colors = [(int(code) >> 16, int(code) >> 8 & 255, int(code) & 255) for code in known]
    standard = _standard_numbers()
    meaning: Literal["file", "palette", "order"] = "palette"
    if all(color in standard for color in colors):
        numbers = [standard[color] for color in colors]
    elif all(red == green == blue for red, green, blue in colors):  # grey numbers in three channels
        numbers, meaning = [red for red, _, _ in colors], "file"
    else:
        rest = (number for number in count(1) if number != VOC_VOID)
        numbers = [0 if color == (0, 0, 0) else VOC_VOID if color == VOID_COLOR else next(rest) for color in colors]
        meaning = "order"
    found = np.array(numbers, dtype=np.int64)[places.reshape(rgb.shape[:2])]
    return LabelImage(found, dict(zip(numbers, colors, strict=True)), meaning)


def _standard_numbers() -> dict[tuple[int, int, int], int]:
    """Number of each color of Pascal VOC's palette."""
    flat = davis_palette()
    return {(flat[3 * n], flat[3 * n + 1], flat[3 * n + 2]): n for n in range(256)}


def _palette(image: Image.Image) -> dict[int, tuple[int, int, int]]:
    flat = (image.convert("P") if image.mode != "P" else image).getpalette("RGB") or []
    return {n: (flat[3 * n], flat[3 * n + 1], flat[3 * n + 2]) for n in range(len(flat) // 3)}


def _codes(rgb: NDArray[np.uint8]) -> NDArray[np.int64]:
    wide = rgb.astype(np.int64)
    codes: NDArray[np.int64] = wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
    return codes


def _decode(source: Path | bytes) -> Image.Image:
    """A mask image of bounded size. Anything that a damaged file raises becomes DataError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with opened_image(source, formats=FORMATS) as image:
                if image.size[0] * image.size[1] > MAX_PIXELS:
                    raise DataError(f"has more than {MAX_PIXELS // 1_000_000} megapixels")
                image.load()
                copy = image.copy()
                copy.format = image.format
                return copy
    except DataError:
        raise
    except Exception as error:  # a decoder raises whatever a damaged file makes it stumble over
        raise DataError("is not an image that can be read") from error
