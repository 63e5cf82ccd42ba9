"""Images of "Why this mask": maps over the image, and label maps that compare masks."""

from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from refseg.errors import InputError
from refseg.explain.sections import map_title
from refseg.image_encoding import (
    MAP_VIEW,
    colorized,
    data_uri,
    jpeg_uri,
    place_of_maximum,
    reduced_image,
    reduced_map,
    view_size,
)
from refseg.rendering import DEFAULT_COLOR

if TYPE_CHECKING:
    from refseg.inference.segmentation import Segmentation


class MapKind(NamedTuple):
    """A kind of map that users can choose. levels: whether there is one for each feature level."""

    kind: str
    title: str
    about: str
    levels: bool


PROBABILITY = MapKind("probability", "Probability", "the probability that a place belongs to the object.", False)
RESPONSE = MapKind("response", "Response", "the strongest feature at each place before the mask is computed.", False)
WORD_KIND = "word"
COMPARISON_LABELS = (85, 170, 255)  # gray values of: in both masks, in the first only, in the second only


def comparison_classes() -> list[dict[str, Any]]:
    """How the page draws the label map of `comparison_uri`."""
    styles = (("both", "#ffffff", 0.4), ("first", DEFAULT_COLOR, 0.62), ("second", "#00c2e0", 0.62))
    return [
        {"name": name, "label": label, "color": color, "opacity": opacity}
        for (name, color, opacity), label in zip(styles, COMPARISON_LABELS, strict=True)
    ]


def map_kinds(segmentation: "Segmentation") -> list[MapKind]:
    """The kinds of maps that the model has computed for an image, besides those of words."""
    kinds = [PROBABILITY]
    if segmentation.strongest is not None:
        kinds.append(RESPONSE)
    return kinds + [MapKind(name, *map_title(segmentation, name), levels=True) for name in segmentation.maps]


def level_count(segmentation: "Segmentation") -> int:
    """Number of feature levels of the maps; 0 if no map has levels."""
    maps = (segmentation.word_maps, *segmentation.maps.values())
    return max((len(levels) for levels in maps if levels is not None), default=0)


def map_of(segmentation: "Segmentation", kind: str, level: int = 0, word: int = 0) -> dict[str, Any]:
    """A map over its image: {"uri", "low", "high", "where", "top"}.

    kind: one of `map_kinds`, values 0..1; or "word": the share of its attention that each place gives to a word on a
    level, drawn from 0 to the map's largest value.  Raises InputError for a kind, level or word that does not exist.
    """
    image = segmentation.image
    known = [one.kind for one in map_kinds(segmentation)]
    if segmentation.word_maps is not None:
        known.append(WORD_KIND)
    if kind not in known:
        raise InputError(f"The map is {kind[:40]!r}. Expected one of {', '.join(known)}.")
    if kind == PROBABILITY.kind:
        return unit_map(segmentation.probability, image)
    if kind == RESPONSE.kind:
        assert segmentation.response is not None  # noqa: S101  otherwise the kind is not known
        return unit_map(segmentation.response, image)
    levels = segmentation.word_maps if kind == WORD_KIND else segmentation.maps[kind]
    assert levels is not None  # noqa: S101  likewise
    words = len(segmentation.tokens)
    if not (0 <= level < len(levels) and 0 <= word < words):
        expected = f"0 to {len(levels) - 1} and 0 to {words - 1}"
        raise InputError(f"The level is {level} and the word {word}. Expected {expected}.")
    if kind == WORD_KIND:
        return scaled_map(segmentation.word_map(level, word), image)
    return unit_map(segmentation.letterbox.inverse(levels[level]), image)


def unit_map(values: NDArray[np.float32], image: NDArray[np.uint8]) -> dict[str, Any]:
    """A map (H, W) drawn from 0 to 1."""
    reduced = reduced_map(values, MAP_VIEW)
    return {**_facts(values, reduced), "uri": _map_uri(reduced, image), "top": 1.0}


def scaled_map(values: NDArray[np.float32], image: NDArray[np.uint8]) -> dict[str, Any]:
    """A map (H, W) drawn from 0 to its largest value, which is "top"."""
    reduced = reduced_map(values, MAP_VIEW)
    top = max(float(reduced.max()), 1e-12)
    return {**_facts(values, reduced), "uri": _map_uri(reduced / np.float32(top), image), "top": float(f"{top:.3g}")}


def comparison_uri(both: NDArray[np.bool_], first: NDArray[np.bool_], second: NDArray[np.bool_]) -> str:
    """Three disjoint masks (H, W) as one gray PNG of the view's size with the values `COMPARISON_LABELS`, else 0."""
    labels = np.zeros(both.shape, np.uint8)
    for mask, label in zip((both, first, second), COMPARISON_LABELS, strict=True):
        labels[mask] = label
    height, width = view_size(both.shape[0], both.shape[1], MAP_VIEW)
    _, data = cv2.imencode(".png", cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST))
    return data_uri("image/png", data.tobytes())


def _map_uri(reduced: NDArray[np.float32], image: NDArray[np.uint8]) -> str:
    return jpeg_uri(colorized(reduced, reduced_image(image, MAP_VIEW)))


def _facts(values: NDArray[np.float32], reduced: NDArray[np.float32]) -> dict[str, Any]:
    low, high = float(f"{float(values.min()):.4g}"), float(f"{float(values.max()):.4g}")
    return {"low": low, "high": high, "where": place_of_maximum(reduced)}
