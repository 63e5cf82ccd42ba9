"""A predictor without a network: it segments the pixels near the color that the expression names, exactly and
at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

COLORS = {"red": (200, 30, 30), "green": (30, 140, 70), "blue": (30, 70, 190), "yellow": (235, 185, 40)}
WORDS = {*COLORS, "the", "ball", "left", "on"}


@dataclass(frozen=True)
class FakeEncoded:
    image: np.ndarray[Any, Any]


@dataclass(frozen=True)
class FakeSegmentation:
    """What the page uses of a Segmentation."""

    expression: str
    image: np.ndarray[Any, Any]
    probability: np.ndarray[Any, Any]
    tokens: tuple[str, ...]
    unknown: tuple[str, ...]
    truncated: bool
    dropped: tuple[str, ...]
    suggestions: dict[str, list[str]]
    word_attention: np.ndarray[Any, Any]
    response: np.ndarray[Any, Any]
    peak: float
    presence: float | None = None
    no_target: bool = False
    threshold: float = 0.5
    uncertainty: float = 0.25
    word_maps: None = None
    strongest: None = None
    maps: dict[str, Any] = field(default_factory=dict)
    map_descriptions: dict[str, Any] = field(default_factory=dict)
    gate: float | None = None

    def mask(self, threshold: float | None = None, refine: str = "none") -> np.ndarray[Any, Any]:
        mask: np.ndarray[Any, Any] = self.probability >= (0.5 if threshold is None else threshold)
        return mask


@dataclass
class FakePredictor:
    """Counts its calls; `max_words` and the vocabulary are tiny so that every message can be provoked."""

    name: str = "fake"
    threshold: float = 0.5
    device: str = "cpu"
    precision: str = "float32"
    max_words: int = 6
    calls: dict[str, int] = field(default_factory=lambda: {"encode": 0, "segment": 0})

    def can(self, ability: type) -> bool:
        return False

    def encode(self, image: np.ndarray[Any, Any]) -> FakeEncoded:
        self.calls["encode"] += 1
        return FakeEncoded(image)

    def segment(self, encoded: FakeEncoded, expressions: Sequence[str]) -> list[FakeSegmentation]:
        self.calls["segment"] += 1
        return [self._one(encoded.image, expression) for expression in expressions]

    def _one(self, image: np.ndarray[Any, Any], expression: str) -> FakeSegmentation:
        words = expression.lower().split()
        tokens, dropped = tuple(words[: self.max_words]), tuple(words[self.max_words :])
        unknown = tuple(word for word in tokens if word not in WORDS)
        named = [COLORS[word] for word in tokens if word in COLORS]
        distances = [np.abs(image.astype(int) - color).sum(axis=2) for color in named]
        distance = np.min(distances, axis=0) if named else np.full(image.shape[:2], 700)
        probability = np.exp(-distance / 120.0).astype(np.float32)
        attention = np.linspace(1, 2, 3 * len(tokens)).reshape(3, len(tokens)).astype(np.float32)
        return FakeSegmentation(
            expression=expression,
            image=image,
            probability=probability,
            tokens=tokens,
            unknown=unknown,
            truncated=bool(dropped),
            dropped=dropped,
            suggestions={word: sorted(COLORS, key=lambda known: -len(set(known) & set(word)))[:3] for word in unknown},
            word_attention=attention / attention.sum(axis=1, keepdims=True),
            response=probability / max(float(probability.max()), 1e-6),
            peak=float(probability.max()),
        )
