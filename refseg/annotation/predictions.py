"""What a model offers for an expression. Annotation knows no network: who makes a `Editor` hands in a function that asks one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from refseg.annotation.records import Annotation, Origin, now
from refseg.data.masks import BoolMask, encode_rle


@dataclass(frozen=True, eq=False)
class Prediction:
    """One answer about one picture of (H, W).

    mask: bool (H, W), empty where the verdict is that the thing is no_target.  probability: float32 (H, W) in 0..1.  doubt: 0 (sure) .. 1.
    notes: what a person should know of it, in sentences.
    """

    mask: BoolMask = field(repr=False)
    probability: NDArray[np.float32] = field(repr=False)
    uncertainty: float
    origin: Origin
    no_target: bool = False
    notes: tuple[str, ...] = ()


Predict = Callable[[NDArray[np.uint8], Sequence[str]], list[Prediction]]
"""(image uint8 (H, W, 3), expressions) -> a prediction each, in order. Raises RefsegError for an expression that cannot be used."""


def annotation_of(prediction: Prediction, text: str, id_: str, color: str, author: str = "", threshold: float | None = None) -> Annotation:
    """A prediction as a annotation; threshold: another than the model's own, which also overrules its verdict that the thing is no_target."""
    mask, origin, no_target = prediction.mask, prediction.origin, prediction.no_target
    if threshold is not None:
        mask, origin, no_target = prediction.probability >= threshold, replace(origin, threshold=threshold), False
    return Annotation(
        id_,
        (text,),
        color=color,
        no_target=no_target,
        mask=None if no_target else encode_rle(mask),
        uncertainty=prediction.uncertainty,
        origin=origin,
        author=author,
        created=now(),
        updated=now(),
    )
