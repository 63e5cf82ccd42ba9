"""The two answers made one: how far the choice among the regions is trusted against the dense answer. Compact configuration only; see `selection.py`.

What the choice says of itself tells little about the dense answer, so the gate also sees how the two agree.
"""

import torch
from torch import Tensor, nn

from refseg.models.layers.multimodal import at_least_float32
from refseg.models.regions.selection import MARGIN_CUE, PRESENCE_CUES, Selected, presence_cues

AGREEMENT_CUES = 3  # channels of `agreement_cues`
GATE_CUES = PRESENCE_CUES + AGREEMENT_CUES


def mixed_logits(dense: Tensor, region: Tensor, gate: Tensor, certainty: Tensor) -> Tensor:
    """(1 - g) dense + g c (2 m - 1), (K, h, w): a choice counts as far as it is to be trusted.

    dense (K, h, w): logits of Eq. 7.  region (K, h, w): m, the mask of the best region, 0..1.  gate (K,): g, 0..1.  certainty: c, the logit inside a mask.
    """
    gate = gate[:, None, None]
    return (1 - gate) * dense + gate * certainty * (2 * region - 1)


def gate_cues(selected: Selected, dense: Tensor, region: Tensor) -> Tensor:
    """(K, 10): `presence_cues` of the choice, and `agreement_cues` of the two answers."""
    return torch.cat([presence_cues(selected), agreement_cues(dense, region)], dim=1)


@torch.no_grad()
def agreement_cues(dense: Tensor, region: Tensor) -> Tensor:
    """(K, 3), all in 0..1: how much of the region's mask the dense answer confirms, how sure that is of what it marks, and which share of it lies outside the
    mask. With p = sigmoid(dense): sum p m / sum m, sum p^2 / sum p, sum p (1 - m) / sum p.

    dense, region (K, h, w): as of `mixed_logits`. No gradient: neither answer is to agree for the gate's sake.
    """
    p, m = at_least_float32(dense).sigmoid(), at_least_float32(region)
    marked, inside, common = (part.sum((1, 2)) for part in (p, m, p * m))
    own = p.square().sum((1, 2)) / marked.clamp_min(1)
    return torch.stack([common / inside.clamp_min(1), own, (marked - common) / marked.clamp_min(1)], dim=1)


def region_gate() -> nn.Linear:
    """`gate_cues` -> logit of g. At first, the odds that the best region is meant against "none"."""
    gate = nn.Linear(GATE_CUES, 1)
    with torch.no_grad():
        nn.init.zeros_(gate.bias)
        gate.weight.zero_()[0, MARGIN_CUE] = 4.0
    return gate
