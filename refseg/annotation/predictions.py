"""Predictions of a model as the editor uses them. The caller provides the model as a function `Predict`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from refseg.annotation.records import Annotation, Origin, utc_now
from refseg.data.masks import BoolMask, encode_rle


@dataclass(frozen=True, eq=False)
class Prediction:
    """A model's answer to one expression about an image of (H, W).

    mask: bool (H, W); empty if there is no target.
    probability: float32 (H, W), 0..1.
    uncertainty: 0 (certain) to 1.
    origin: model, revision and threshold.
    no_target: whether the model predicts that the expression names nothing in this image.
    notes: sentences for the user.
    """

    mask: BoolMask = field(repr=False)
    probability: NDArray[np.float32] = field(repr=False)
    uncertainty: float
    origin: Origin
    no_target: bool = False
    notes: tuple[str, ...] = ()


Predict = Callable[[NDArray[np.uint8], Sequence[str]], list[Prediction]]
"""(image uint8 (H, W, 3), expressions) -> one prediction for each, in order. Raises RefsegError for an invalid
expression.
"""


def annotation_of(
    prediction: Prediction, expression: str, id_: str, color: str, author: str = "", threshold: float | None = None
) -> Annotation:
    """A prediction as an annotation.

    threshold: replaces the model's own threshold, and also its decision that there is no target.
    """
    mask, origin, no_target = prediction.mask, prediction.origin, prediction.no_target
    if threshold is not None:
        mask, origin, no_target = prediction.probability >= threshold, replace(origin, threshold=threshold), False
    return Annotation(
        id_,
        (expression,),
        color=color,
        no_target=no_target,
        mask=None if no_target else encode_rle(mask),
        uncertainty=prediction.uncertainty,
        origin=origin,
        author=author,
        created=utc_now(),
        updated=utc_now(),
    )
