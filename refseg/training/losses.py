"""What training minimises: Eq. 8 (binary cross-entropy), a region term, and the presence of the thing named."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from refseg.models.cmsa.outputs import NetworkOutput


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms; the paper's loss is the cross-entropy alone. selection, instances, number and dense count where the network has regions;
    dense is that of cross-entropy and region term of the dense answer by itself, before the masks of chosen regions are mixed in."""

    cross_entropy: float = 1.0
    region: float = 1.0
    presence: float = 0.1
    selection: float = 0.5
    instances: float = 0.5
    number: float = 0.1
    dense: float = 0.0


class Loss(NamedTuple):
    """The weighted total and its terms, scalars."""

    total: Tensor
    cross_entropy: Tensor
    region: Tensor
    presence: Tensor


def segmentation_loss(output: NetworkOutput, target: Tensor, inside: Tensor, weights: LossWeights) -> Loss:
    """output: K expressions.  target (K, H, W): share of each cell covered by the mask, 0..1.  inside (K, H, W) bool: cells of the picture itself
    (not of the letterbox's border).  Logits are brought to the target's grid.
    """
    mask = inside.float()
    present = target.flatten(1).amax(1) > 0
    cross_entropy, region = _mask_terms(output.logits, target, mask, present)
    presence = cross_entropy.new_zeros(())
    if output.presence is not None:
        presence = F.binary_cross_entropy_with_logits(output.presence.float(), present.float())
    total = weights.cross_entropy * cross_entropy + weights.region * region + weights.presence * presence
    if weights.dense and output.dense is not None and output.dense is not output.logits:
        own = _mask_terms(output.dense, target, mask, present)
        total = total + weights.dense * (weights.cross_entropy * own[0] + weights.region * own[1])
    return Loss(total, cross_entropy, region, presence)


def _mask_terms(logits: Tensor, target: Tensor, mask: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy of the expressions, mean region loss of those whose thing is present (K,) bool; mask (K, H, W): 1 inside."""
    logits = logits.float()
    if logits.shape[-2:] != target.shape[-2:]:
        logits = F.interpolate(logits.unsqueeze(1), size=target.shape[-2:], mode="bilinear", align_corners=False).squeeze(1)
    cells = mask.sum((1, 2)).clamp_min(1)
    cross_entropy = (F.binary_cross_entropy_with_logits(logits, target, reduction="none") * mask).sum((1, 2)) / cells
    region = region_loss(logits.sigmoid() * mask, target * mask)
    return cross_entropy.mean(), (region * present).sum() / present.sum().clamp_min(1)


def region_loss(probability: Tensor, target: Tensor, smooth: float = 1.0) -> Tensor:
    """1 - Dice coefficient per expression, (K, H, W) twice -> (K,): blind to the size of the thing, which cross-entropy is not."""
    overlap = (probability * target).sum((1, 2))
    return 1 - (2 * overlap + smooth) / (probability.sum((1, 2)) + target.sum((1, 2)) + smooth)


@torch.no_grad()
def batch_iou(logits: Tensor, target: Tensor) -> Tensor:
    """Mean IoU at probability 0.5 of the expressions that name something present; a scalar, NaN when there is none."""
    wanted = target > 0.5
    return mask_ious(logits > 0, wanted)[wanted.flatten(1).any(1)].mean()


def mask_ious(predicted: Tensor, wanted: Tensor) -> Tensor:
    """IoU (K,) of bool masks (K, H, W) twice; 0 where both are empty."""
    return (predicted & wanted).sum((1, 2)) / (predicted | wanted).sum((1, 2)).clamp_min(1)
