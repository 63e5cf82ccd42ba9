"""What image entries of several formats state in the same way: the size of the image, and the keys that our own exports
add."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from refseg.annotation.importers.values import text, whole

MAX_SIDE = 1_000_000  # pixels; a larger size is not meant


class ImageKeys(TypedDict):
    """Arguments of `ImportSession.add_image`."""

    split: str
    clip: str
    frame: int | None
    state: Any


def image_keys(values: Mapping[str, Any]) -> ImageKeys:
    """Split, video, frame and state of an image, as our exports write them beside what a format knows; without them the
    defaults."""
    frame = whole(values.get("frame"))
    return {
        "split": text(values.get("split")),
        "clip": text(values.get("clip")),
        "frame": frame if frame is not None and frame >= 0 else None,
        "state": values.get("state"),
    }


def stated_size(height: Any, width: Any) -> tuple[int, int] | None:
    """(height, width) in pixels that an annotation states, also as fractions of zero or text; None if either is missing
    or makes no sense."""
    rows, columns = whole(height), whole(width)
    if rows is None or columns is None or not (0 < rows < MAX_SIDE and 0 < columns < MAX_SIDE):
        return None
    return rows, columns
