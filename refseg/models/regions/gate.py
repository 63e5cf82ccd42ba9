"""The gate between the two answers: how far the choice among the regions is trusted against the dense answer.

The choice alone says little about the quality of the dense answer, so the gate also depends on how far the two agree.
"""

import torch
from torch import Tensor, nn

from refseg.models.layers.precision import at_least_float32
from refseg.models.regions.selection import MARGIN_CUE, PRESENCE_CUES, Selected, presence_cues

AGREEMENT_CUES = 3  # channels of `agreement_cues`
GATE_CUES = PRESENCE_CUES + AGREEMENT_CUES


def mix_logits(dense: Tensor, region: Tensor, gate: Tensor, certainty: Tensor) -> Tensor:
    """(1 - g) dense + g c (2 m - 1), (K, h, w).

    dense (K, h, w): logits of the dense system.  region (K, h, w): m, the mask of the best region, 0..1.  gate (K,): g,
    0..1.  certainty: c, the logit inside a mask.
    """
    gate = gate[:, None, None]
    return (1 - gate) * dense + gate * certainty * (2 * region - 1)


def gate_cues(selected: Selected, dense: Tensor, region: Tensor) -> Tensor:
    """(K, 10): `presence_cues` of the choice, and `agreement_cues` of the two answers."""
    return torch.cat([presence_cues(selected), agreement_cues(dense, region)], dim=1)


@torch.no_grad()
def agreement_cues(dense: Tensor, region: Tensor) -> Tensor:
    """(K, 3), all in 0..1: the share of the region's mask that the dense answer confirms, the confidence of the dense
    answer, and the share of it outside the mask. With p = sigmoid(dense): sum p m / sum m, sum p^2 / sum p, sum p (1 -
    m) / sum p.

    dense, region (K, h, w): as of `mix_logits`. Without gradient: the answers must not learn to agree in order to
    change the gate.
    """
    p, m = at_least_float32(dense).sigmoid(), at_least_float32(region)
    marked, inside, common = (part.sum((1, 2)) for part in (p, m, p * m))
    own = p.square().sum((1, 2)) / marked.clamp_min(1)
    return torch.stack([common / inside.clamp_min(1), own, (marked - common) / marked.clamp_min(1)], dim=1)


def build_gate() -> nn.Linear:
    """A linear layer, `gate_cues` -> logit of g. It starts as the odds that the best region is meant rather than
    "none".
    """
    gate = nn.Linear(GATE_CUES, 1)
    with torch.no_grad():
        nn.init.zeros_(gate.bias)
        gate.weight.zero_()[0, MARGIN_CUE] = 4.0
    return gate
