"""Entries of result.json, the same from the command line and from the page."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refseg.inference.segmentation import Segmentation


def segmentation_entry(answer: Segmentation, mask: NDArray[np.bool_], file: str, threshold: float) -> dict[str, Any]:
    """The entry of one expression, of JSON types; `mask` (H, W) is what was written to `file`, a path relative to
    result.json.

    If the verdict is no-target, the mask is empty although the peak may be high. area_fraction: share of the image that
    the mask covers.  peak: highest probability.  word_attention: see `attention_rows`.
    """
    return {
        "expression": encodable(answer.expression),
        "tokens": list(answer.tokens),
        "unknown": list(answer.unknown),
        "truncated": answer.truncated,
        "mask": file,
        "threshold": float(threshold),
        "peak": round(answer.peak, 6),
        "area_fraction": round(float(mask.mean()), 6),
        "word_attention": attention_rows(answer),
    }


def attention_rows(answer: Segmentation) -> list[list[float]]:
    """L lists of T weights, each of sum 1; no list for a model without word attention."""
    levels = () if answer.word_attention is None else answer.word_attention
    return [[round(float(weight), 6) for weight in level] for level in levels]


def encodable(text: str) -> str:
    """Text that JSON in UTF-8 can hold: bytes of a file name or an argument that are no text are replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")
