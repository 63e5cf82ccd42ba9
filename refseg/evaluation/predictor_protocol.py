"""What the evaluation needs of a predictor, and how it calls it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from refseg.errors import ExpressionError

Answer = TypeVar("Answer")
Answer_co = TypeVar("Answer_co", covariant=True)


class SegmentingPredictor(Protocol[Answer_co]):
    """A predictor with answers of the type that the evaluation measures."""

    def encode(self, image: NDArray[np.uint8]) -> Any:
        """Features of an RGB image uint8 (H, W, 3)."""
        ...

    def segment(self, encoded: Any, expressions: Sequence[str]) -> Sequence[Answer_co]:
        """One answer for each expression."""
        ...


def segment_each(predictor: SegmentingPredictor[Answer], encoded: Any, texts: Sequence[str]) -> list[Answer | None]:
    """One answer for each text, None for a text that cannot be used. A text without words does not affect the
    others.
    """
    try:
        return list(predictor.segment(encoded, texts))
    except ExpressionError:
        return (
            [None]
            if len(texts) == 1
            else [answer for text in texts for answer in segment_each(predictor, encoded, [text])]
        )


def describe_verdict(threshold: float | None) -> str:
    """For the description of a protocol: a given threshold overrules the verdict no-target, see `Segmentation.mask`."""
    if threshold is None:
        return "if the model's verdict is no-target the mask is empty"
    return "a verdict no-target is overruled by the threshold"
