"""What a model offers for an expression. Annotation knows no network: who makes a `Desk` hands in a function that asks one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from refseg.annotation.records import Layer, Origin, now
from refseg.data.masks import BoolMask, encode_rle


@dataclass(frozen=True, eq=False)
class Proposal:
    """One answer about one picture of (H, W).

    mask: bool (H, W), empty where the verdict is that the thing is absent.  probability: float32 (H, W) in 0..1.  doubt: 0 (sure) .. 1.
    notes: what a person should know of it, in sentences.
    """

    mask: BoolMask = field(repr=False)
    probability: NDArray[np.float32] = field(repr=False)
    doubt: float
    origin: Origin
    absent: bool = False
    notes: tuple[str, ...] = ()


Propose = Callable[[NDArray[np.uint8], Sequence[str]], list[Proposal]]
"""(image uint8 (H, W, 3), expressions) -> a proposal each, in order. Raises RefsegError for an expression that cannot be used."""


def layer_of(proposal: Proposal, text: str, id_: str, colour: str, author: str = "", threshold: float | None = None) -> Layer:
    """A proposal as a layer; threshold: another than the model's own, which also overrules its verdict that the thing is absent."""
    mask, origin, absent = proposal.mask, proposal.origin, proposal.absent
    if threshold is not None:
        mask, origin, absent = proposal.probability >= threshold, replace(origin, threshold=threshold), False
    return Layer(
        id_,
        (text,),
        colour=colour,
        absent=absent,
        mask=None if absent else encode_rle(mask),
        doubt=proposal.doubt,
        origin=origin,
        author=author,
        created=now(),
        updated=now(),
    )
