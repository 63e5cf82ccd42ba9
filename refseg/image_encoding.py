"""Pictures and maps as a browser gets them: reduced, encoded, inside the page (no file is left anywhere)."""

from base64 import b64encode

import cv2
import numpy as np
from numpy.typing import NDArray

VIEW = 1600  # longest side, in pixels, of what the browser is sent; downloads keep the picture's own size
MAP_VIEW = 800


def view_size(height: int, width: int, limit: int = VIEW) -> tuple[int, int]:
    """(height, width) with the longest side at most `limit`, the proportions kept, no side below 1."""
    scale = min(1.0, limit / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def reduced_image(image: NDArray[np.uint8], limit: int = VIEW) -> NDArray[np.uint8]:
    """(H, W, 3), area-averaged so that its longest side is at most `limit`; the same array when it is already."""
    height, width = view_size(image.shape[0], image.shape[1], limit)
    if (height, width) == image.shape[:2]:
        return image
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def reduced_map(values: NDArray[np.floating] | NDArray[np.bool_], limit: int = VIEW) -> NDArray[np.float32]:
    """(H, W) as float32, area-averaged like `reduced_image`, so that a map stays in register with its picture; a mask's averages in steps of 1/255."""
    height, width = view_size(values.shape[0], values.shape[1], limit)
    if values.dtype == np.bool_ and (height, width) != values.shape:  # bytes: a large mask is reduced ten times as fast
        bytes_ = cv2.resize(values.view(np.uint8) * np.uint8(255), (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(np.divide(bytes_, 255, dtype=np.float32))
    numbers = values.astype(np.float32)
    if (height, width) == values.shape:
        return numbers
    return np.asarray(cv2.resize(numbers, (width, height), interpolation=cv2.INTER_AREA), dtype=np.float32)


def jpeg_uri(image: NDArray[np.uint8], quality: int = 88) -> str:
    """RGB uint8 (H, W, 3) as a data URI."""
    return _uri("jpeg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])


def gray_uri(values: NDArray[np.float32]) -> str:
    """(H, W) in 0..1 as an 8-bit grey PNG in a data URI; rounded to 1/255."""
    return _uri("png", np.round(np.clip(values, 0, 1) * 255).astype(np.uint8), [cv2.IMWRITE_PNG_COMPRESSION, 3])


def _uri(kind: str, array: NDArray[np.uint8], parameters: list[int]) -> str:
    done, data = cv2.imencode(f".{kind}", np.ascontiguousarray(array), parameters)
    if not done:
        raise RuntimeError(f"a picture of shape {array.shape} could not be encoded as {kind}")
    return f"data:image/{kind};base64,{b64encode(data.tobytes()).decode('ascii')}"


def coloured(values: NDArray[np.float32], image: NDArray[np.uint8], strength: float = 0.78) -> NDArray[np.uint8]:
    """A map (H, W) in 0..1 in viridis, laid over the grey picture (H, W, 3) so that one sees where things are.

    strength: 1 shows the colours alone, which is what the legend shows.
    """
    codes = np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)
    colours = cv2.applyColorMap(codes, cv2.COLORMAP_VIRIDIS)[..., ::-1]
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.addWeighted(np.ascontiguousarray(colours), strength, grey, 1 - strength, 0), dtype=np.uint8)


def legend_gradient(stops: int = 9) -> str:
    """The same colour map as a CSS gradient from 0 (left) to 1 (right)."""
    codes = np.linspace(0, 255, stops).round().astype(np.uint8)[None]
    colours = cv2.applyColorMap(codes, cv2.COLORMAP_VIRIDIS)[0, :, ::-1]
    return f"linear-gradient(90deg, {', '.join(f'rgb({r} {g} {b})' for r, g, b in colours)})"


def place_of_maximum(values: NDArray[np.floating]) -> str:
    """Where a map (H, W) is highest, in words: "at the top left", "in the middle"."""
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    vertical = ("top", "", "bottom")[min(2, int(3 * row / values.shape[0]))]
    horizontal = ("left", "", "right")[min(2, int(3 * column / values.shape[1]))]
    return f"at the {f'{vertical} {horizontal}'.strip()}" if vertical or horizontal else "in the middle"
