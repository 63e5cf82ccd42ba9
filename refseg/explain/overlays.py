"""Images of a report as data URIs: the image itself within a budget, and maps and masks to lay over it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from refseg.explain.candidates import Candidate
from refseg.image_encoding import colorized, data_uri, jpeg_uri, reduced_image, reduced_map
from refseg.rendering import DEFAULT_COLOR, edge, parse_color

Paint = tuple[int, int, int, int]
"""Red, green, blue and opacity, 0..255."""

IMAGE_BYTES = 700_000  # of the image's data URI at most; photos stay far below at the first of the steps
IMAGE_STEPS = (
    (1280, 85),
    (1280, 70),
    (960, 70),
    (800, 60),
    (640, 50),
    (480, 40),
)  # longest side in pixels, JPEG quality

MASK = parse_color(DEFAULT_COLOR)
KEPT, LOST, GAINED = (
    (255, 255, 255),
    (245, 130, 32),
    (41, 151, 255),
)  # distinguished by those who see no red or green, too


def image_uri(image: NDArray[np.uint8], budget: int = IMAGE_BYTES) -> str:
    """RGB uint8 (H, W, 3) as a JPEG of at most 1280 pixels a side, in at most `budget` bytes: images that compress
    badly are reduced, to 480 pixels at the least.
    """
    for limit, quality in IMAGE_STEPS:
        image = reduced_image(image, limit)
        uri = jpeg_uri(image, quality)
        if len(uri) <= budget:
            break
    return uri


def map_uri(values: NDArray[np.floating]) -> str:
    """A map (H, W) in 0..1 in the colors of `refseg.image_encoding.colorized`, as a JPEG without the image below."""
    alone = np.asarray(values, dtype=np.float32)
    return jpeg_uri(colorized(alone, np.zeros((*alone.shape, 3), np.uint8), strength=1), 70)


def mask_uri(mask: NDArray[np.bool_]) -> str:
    """A mask (H, W) as the page shows it, half transparent with its edge drawn, on a transparent background."""
    codes = mask.astype(np.uint8)
    codes[edge(mask, max(1, round(max(mask.shape) / 320)))] = 2
    return _painted_uri(codes, [(*MASK, 0), (*MASK, 128), (*MASK, 255)])


def changes_uri(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> str:
    """The kept (white), lost (orange) and gained (blue) pixels between two masks (H, W), on a transparent
    background.
    """
    codes = np.where(before & after, 1, np.where(before, 2, np.where(after, 3, 0))).astype(np.uint8)
    return _painted_uri(codes, [(*KEPT, 0), (*KEPT, 120), (*LOST, 225), (*GAINED, 225)])


def candidates_uri(candidates: Sequence[Candidate], mask: str, shape: tuple[int, int]) -> str:
    """The mask (`mask_uri` of it) with a numbered frame around each candidate, as an SVG; shape: (height, width) of
    their masks.
    """
    height, width = shape
    line = max(height, width) / 320
    size = 14 * line
    frames = []
    for candidate in candidates:
        left, top, right, bottom = candidate.box
        # Inside the frame's corner, so that the number of an object at the image's border is visible.
        frames.append(
            f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}" fill="none" stroke="#fff"'
            f' stroke-width="{line:.2f}"/><rect x="{left}" y="{top}" width="{1.1 * size:.1f}" height="{1.2 * size:.1f}"'
            f' fill="#fff"/><text x="{left + 0.55 * size:.1f}" y="{top + 0.98 * size:.1f}" text-anchor="middle"'
            f' font-family="sans-serif" font-weight="700" font-size="{size:.1f}"'
            f' fill="#1c1917">{candidate.number}</text>'
        )
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" preserveAspectRatio="none"><image'
        f' href="{escape(mask)}" width="{width}" height="{height}" preserveAspectRatio="none"/>{"".join(frames)}</svg>'
    )
    return data_uri("image/svg+xml", drawing.encode())


def small_mask(mask: NDArray[np.bool_], limit: int) -> NDArray[np.bool_]:
    """A mask (H, W) with its longest side at most `limit`: a pixel belongs to it if at least half of the pixels that it
    replaces do.
    """
    return np.asarray(reduced_map(mask, limit) >= 0.5)


def _painted_uri(codes: NDArray[np.uint8], paints: Sequence[Paint]) -> str:
    """Codes (H, W), each the index of its paint, as a PNG of these colors only."""
    image = Image.fromarray(codes).convert("P")
    image.putpalette([value for paint in paints for value in paint[:3]])
    file = io.BytesIO()
    image.save(file, format="PNG", optimize=True, bits=2, transparency=bytes(paint[3] for paint in paints))
    return data_uri("image/png", file.getvalue())
