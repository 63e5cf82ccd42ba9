"""Encoding of images and maps for the browser: resized, as data URIs, without files on the server."""

from base64 import b64encode

import cv2
import numpy as np
from numpy.typing import NDArray

VIEW = 1600  # longest side of images in the browser, in pixels; downloads have the full size
MAP_VIEW = 800


def view_size(height: int, width: int, limit: int = VIEW) -> tuple[int, int]:
    """Scale (height, width) so that the longest side is at most `limit`; the aspect ratio is kept."""
    scale = min(1.0, limit / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def reduced_image(image: NDArray[np.uint8], limit: int = VIEW) -> NDArray[np.uint8]:
    """Shrink an image (H, W, 3) by area averages so that its longest side is at most `limit` pixels.

    Returns the same array if it is small enough.
    """
    height, width = view_size(image.shape[0], image.shape[1], limit)
    if (height, width) == image.shape[:2]:
        return image
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def reduced_map(values: NDArray[np.floating] | NDArray[np.bool_], limit: int = VIEW) -> NDArray[np.float32]:
    """Shrink a map or mask (H, W) as `reduced_image` shrinks its image. Returns float32.

    Averages of a mask are rounded to 1/255.
    """
    height, width = view_size(values.shape[0], values.shape[1], limit)
    if values.dtype == np.bool_ and (height, width) != values.shape:  # ten times as fast as float32
        bytes_ = cv2.resize(values.view(np.uint8) * np.uint8(255), (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(np.divide(bytes_, 255, dtype=np.float32))
    numbers = values.astype(np.float32)
    if (height, width) == values.shape:
        return numbers
    return np.asarray(cv2.resize(numbers, (width, height), interpolation=cv2.INTER_AREA), dtype=np.float32)


def jpeg_uri(image: NDArray[np.uint8], quality: int = 88) -> str:
    """Encode uint8 RGB (H, W, 3) as JPEG in a data URI."""
    return _uri("jpeg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])


def gray_uri(values: NDArray[np.float32]) -> str:
    """Encode values (H, W) in 0..1 as an 8-bit gray PNG in a data URI. Values are rounded to 1/255."""
    return _uri("png", np.round(np.clip(values, 0, 1) * 255).astype(np.uint8), [cv2.IMWRITE_PNG_COMPRESSION, 3])


def _uri(kind: str, array: NDArray[np.uint8], parameters: list[int]) -> str:
    done, data = cv2.imencode(f".{kind}", np.ascontiguousarray(array), parameters)
    if not done:
        raise RuntimeError(f"cannot encode an image of shape {array.shape} as {kind}")
    return data_uri(f"image/{kind}", data.tobytes())


def data_uri(media_type: str, data: bytes) -> str:
    """Encode a file as a data URI. media_type: such as "image/png"."""
    return f"data:{media_type};base64,{b64encode(data).decode('ascii')}"


def colorized(values: NDArray[np.float32], image: NDArray[np.uint8], strength: float = 0.78) -> NDArray[np.uint8]:
    """Draw a map (H, W) in 0..1, in the colors of viridis, over the image (H, W, 3) in gray.

    strength: weight of the colors; 1 hides the image.
    """
    codes = np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)
    colors = cv2.applyColorMap(codes, cv2.COLORMAP_VIRIDIS)[..., ::-1]
    gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.addWeighted(np.ascontiguousarray(colors), strength, gray, 1 - strength, 0), dtype=np.uint8)


def legend_gradient(stops: int = 9) -> str:
    """Return viridis as a CSS gradient from 0 (left) to 1 (right)."""
    codes = np.linspace(0, 255, stops).round().astype(np.uint8)[None]
    colors = cv2.applyColorMap(codes, cv2.COLORMAP_VIRIDIS)[0, :, ::-1]
    return f"linear-gradient(90deg, {', '.join(f'rgb({r} {g} {b})' for r, g, b in colors)})"


def place_of_maximum(values: NDArray[np.floating]) -> str:
    """Describe in words where a map (H, W) is highest: "at the top left", "in the middle"."""
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    vertical = ("top", "", "bottom")[min(2, int(3 * row / values.shape[0]))]
    horizontal = ("left", "", "right")[min(2, int(3 * column / values.shape[1]))]
    return f"at the {f'{vertical} {horizontal}'.strip()}" if vertical or horizontal else "in the middle"
