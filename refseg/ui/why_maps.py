"""The pictures of "Why this mask": maps over the photo, and masks compared in three classes."""

from base64 import b64encode
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from refseg.errors import InputError
from refseg.image_encoding import MAP_VIEW, coloured, jpeg_uri, place_of_maximum, reduced_image, reduced_map, view_size

if TYPE_CHECKING:
    from refseg.inference.segmentation import Segmentation

KINDS = ("probability", "response", "word")  # and the names of the answer's other maps
CLASSES = (85, 170, 255)  # grey values of: in both, in the first only, in the second only


def map_of(found: "Segmentation", kind: str, level: int = 0, word: int = 0) -> dict[str, Any]:
    """A map of an answer over its picture: {"uri", "low", "high", "where"}. Raises InputError for a kind, level or word that it does not have.

    probability, response: 0..1.  word: share of its attention that each position pays to that word on that level (0..1, shown from 0 to the map's
    largest).  Any other: the map of that name in `Segmentation.maps`, on that level, 0..1.
    """
    if kind not in KINDS and kind not in found.maps:
        raise InputError(f"got the map {kind[:40]!r}, expected one of {', '.join((*KINDS, *found.maps))}")
    if kind == "probability":
        return plain_map(found.probability, found.image)
    if kind == "response":
        if found.response is None:
            raise InputError("the model has no map of its response: choose another map")
        return plain_map(found.response, found.image)
    levels = found.word_maps if kind == "word" else found.maps[kind]
    if levels is None:
        raise InputError("the model has no maps of words: choose another map")
    words = len(found.tokens)
    if not (0 <= level < len(levels) and 0 <= word < words):
        raise InputError(f"got level {level} and word {word}, expected 0 to {len(levels) - 1} and 0 to {words - 1}")
    if kind == "word":
        return scaled_map(found.word_map(level, word), found.image)
    return plain_map(found.letterbox.inverse(levels[level]), found.image)


def plain_map(values: NDArray[np.float32], image: NDArray[np.uint8]) -> dict[str, Any]:
    """A map (H, W) drawn from 0 to 1."""
    small = reduced_map(values, MAP_VIEW)
    return {**_facts(values, small), "uri": jpeg_uri(coloured(small, reduced_image(image, MAP_VIEW))), "top": 1.0}


def scaled_map(values: NDArray[np.float32], image: NDArray[np.uint8]) -> dict[str, Any]:
    """A map (H, W) of shares drawn from 0 to its largest value, which is "top"."""
    small = reduced_map(values, MAP_VIEW)
    top = max(float(small.max()), 1e-12)
    return {
        **_facts(values, small),
        "uri": jpeg_uri(coloured(small / np.float32(top), reduced_image(image, MAP_VIEW))),
        "top": float(f"{top:.3g}"),
    }


def classes_uri(both: NDArray[np.bool_], first: NDArray[np.bool_], second: NDArray[np.bool_]) -> str:
    """Three disjoint masks (H, W) as one grey PNG of the view's size whose values are `CLASSES`, 0 elsewhere."""
    codes = np.zeros(both.shape, np.uint8)
    for mask, code in zip((both, first, second), CLASSES, strict=True):
        codes[mask] = code
    height, width = view_size(both.shape[0], both.shape[1], MAP_VIEW)
    _, data = cv2.imencode(".png", cv2.resize(codes, (width, height), interpolation=cv2.INTER_NEAREST))
    return f"data:image/png;base64,{b64encode(data.tobytes()).decode('ascii')}"


def _facts(values: NDArray[np.float32], small: NDArray[np.float32]) -> dict[str, Any]:
    return {"low": float(f"{float(values.min()):.4g}"), "high": float(f"{float(values.max()):.4g}"), "where": place_of_maximum(small)}
