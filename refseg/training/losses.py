"""The total that training minimizes: the terms of a system's loss, weighted."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms that `System.losses` names; the paper's loss is the cross-entropy alone.

    cross_entropy, dice: of the mask.  presence, selection, instances, number: of a region branch.  dense: of
    cross-entropy and Dice of the dense answer alone, before the masks of chosen regions are mixed in. A term of any
    other name has the weight 1.
    """

    cross_entropy: float = 1.0
    dice: float = 1.0
    presence: float = 0.1
    selection: float = 0.5
    instances: float = 0.5
    number: float = 0.1
    dense: float = 0.0

    def of(self, term: str) -> float:
        """The weight of a term."""
        if term.startswith("dense_"):
            return self.dense * self.of(term.removeprefix("dense_"))
        return float(getattr(self, term, 1.0))


def weighted_total(terms: Mapping[str, Tensor], weights: LossWeights) -> Tensor:
    """The sum of the terms, each scalar, times their weights."""
    weighted = [weights.of(name) * term for name, term in terms.items() if weights.of(name)]
    if not weighted:
        raise ValueError(
            f"got the loss terms {', '.join(terms) or 'none'} and no weight above 0, expected at least one"
        )
    return torch.stack(weighted).sum()


@torch.no_grad()
def batch_iou(logits: Tensor, target: Tensor) -> Tensor:
    """Mean IoU at probability 0.5 of the expressions that have a target; a scalar, NaN if there is none."""
    wanted = target > 0.5
    return mask_ious(logits > 0, wanted)[wanted.flatten(1).any(1)].mean()


def mask_ious(predicted: Tensor, wanted: Tensor) -> Tensor:
    """IoU (K,) of bool masks (K, H, W) twice; 0 if both are empty."""
    return (predicted & wanted).sum((1, 2)) / (predicted | wanted).sum((1, 2)).clamp_min(1)
