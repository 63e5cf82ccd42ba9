"""What the steps of the network hand to each other: pictures seen, pictures encoded, answers."""

from typing import NamedTuple

from torch import Tensor

from refseg.models.cmsa import ImageParts
from refseg.models.regions import Regions
from refseg.models.selection import DescribedRegions, Selected


class SeenImages(NamedTuple):
    """What the backbone and its heads see in B pictures: `visual` features (B, P, C_v) per level, V of Eq. 1 or V_t of Eq. 11; the rest as in
    `EncodedImages`."""

    visual: tuple[Tensor, ...]
    details: tuple[Tensor, ...]
    grid: tuple[int, int]
    regions: Regions | None = None
    described: DescribedRegions | None = None
    instances: Tensor | None = None


class EncodedImages(NamedTuple):
    """What B pictures contribute, ready for any number of expressions: `parts` per level, `details` for the refinement, the grid's (h, w),
    the candidate `regions`, `described` for the selection, and the mask logits (B, N, 28, 28) of the `instances` in them (None without)."""

    parts: tuple[ImageParts, ...]
    details: tuple[Tensor, ...]
    grid: tuple[int, int]
    regions: Regions | None = None
    described: DescribedRegions | None = None
    instances: Tensor | None = None


class NetworkOutput(NamedTuple):
    """Answers to K expressions.

    logits (K, h', w'): over the whole letterboxed square.  word_attention (K, L, T): a of Eq. 4 per level, rows sum to 1, padded words 0.
    word_maps (K, L, T, h, w): share of its attention that a position pays to a word, sums to 1 over the words.
    features (K, C, h, w): the fused map of Eq. 6.  memory_gates, reset_gates (K, L, h, w): 0..1.
    presence (K,): logit that the thing named is in the picture; None when the configuration has no such head.
    dense (K, h', w'): logits of Eq. 7, before the masks of chosen regions are mixed in; the same as logits where there are none.
    gate (K,): share 0..1 of the best region's mask in the logits, see `mixed_logits`; None when the configuration has no regions.
    selected: the choice among the regions; None when the configuration has none.
    """

    logits: Tensor
    word_attention: Tensor
    word_maps: Tensor
    features: Tensor
    memory_gates: Tensor
    reset_gates: Tensor
    presence: Tensor | None
    dense: Tensor | None = None
    gate: Tensor | None = None
    selected: Selected | None = None
