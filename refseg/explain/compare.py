"""Two answers side by side, and how far paraphrases agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from refseg.errors import InputError
from refseg.inference.segmentation import Segmentation
from refseg.mask_iou import iou

if TYPE_CHECKING:
    from refseg.inference.predictor import EncodedImage, Predictor


@dataclass(frozen=True, eq=False)
class Comparison:
    """The masks of two answers about one image, bool (H, W) each: in `both`, in `first_only`, in `second_only`;
    disjoint, together their union.

    iou: 0..1; 1 for two empty masks.
    """

    iou: float
    both: NDArray[np.bool_] = field(repr=False)
    first_only: NDArray[np.bool_] = field(repr=False)
    second_only: NDArray[np.bool_] = field(repr=False)


@dataclass(frozen=True, eq=False)
class Consistency:
    """How far the answers to N expressions agree: iou (N, N) float64 of each pair of masks, 0..1, symmetric with a
    diagonal of 1; mean: over the pairs of two different expressions."""

    iou: NDArray[np.float64]
    mean: float


def compare(first: Segmentation, second: Segmentation, threshold: float | None = None) -> Comparison:
    """Where two answers agree, of two expressions or two models.

    threshold: of both masks; None: each model decides, as in `Segmentation.mask`. Raises InputError for a
    threshold outside 0..1 or answers about images of different sizes.
    """
    if first.image.shape != second.image.shape:
        sizes = " and ".join(f"{one.image.shape[1]} x {one.image.shape[0]}" for one in (first, second))
        raise InputError(f"the answers are about images of {sizes}, expected answers about the same image")
    one, other = first.mask(threshold), second.mask(threshold)
    return Comparison(iou(one, other), one & other, one & ~other, other & ~one)


def consistency(
    predictor: Predictor, encoded: EncodedImage, expressions: Sequence[str], threshold: float | None = None
) -> Consistency:
    """How far paraphrases lead to the same mask. Expressions for the same object should agree.

    All expressions are answered in one pass. Masks are compared as in `explain`: at the resolution of the network's
    input, at `threshold` (None: the model's own), independent of the verdict. Raises InputError
    for fewer than two expressions and as `Predictor.segment`.
    """
    if len(expressions) < 2:
        raise InputError(f"got {len(expressions)} expressions, expected at least two to compare")
    answers = predictor.segment(encoded, expressions)
    return agreement([answer.input_mask(predictor.threshold if threshold is None else threshold) for answer in answers])


def agreement(masks: Sequence[NDArray[np.bool_]]) -> Consistency:
    """`Consistency` of two or more masks, bool (H, W) each."""
    table = np.eye(len(masks))
    for i, one in enumerate(masks):
        for j in range(i):
            table[i, j] = table[j, i] = iou(one, masks[j])
    return Consistency(table, float(table[np.tril_indices(len(masks), -1)].mean()))
