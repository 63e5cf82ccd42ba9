"""What training minimises: Eq. 8 (binary cross-entropy), a region term, and the presence of the thing named."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from refseg.models.encoded import NetworkOutput


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms; the paper's loss is the cross-entropy alone. selection and instances count where the network has regions."""

    cross_entropy: float = 1.0
    region: float = 1.0
    presence: float = 0.1
    selection: float = 0.5
    instances: float = 0.5


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
    logits = output.logits.float()
    if logits.shape[-2:] != target.shape[-2:]:
        logits = F.interpolate(logits.unsqueeze(1), size=target.shape[-2:], mode="bilinear", align_corners=False).squeeze(1)
    mask = inside.float()
    cells = mask.sum((1, 2)).clamp_min(1)
    cross_entropy = (F.binary_cross_entropy_with_logits(logits, target, reduction="none") * mask).sum((1, 2)) / cells
    present = target.flatten(1).amax(1) > 0
    region = region_loss(logits.sigmoid() * mask, target * mask)
    region_mean = (region * present).sum() / present.sum().clamp_min(1)
    presence = logits.new_zeros(())
    if output.presence is not None:
        presence = F.binary_cross_entropy_with_logits(output.presence.float(), present.float())
    total = weights.cross_entropy * cross_entropy.mean() + weights.region * region_mean + weights.presence * presence
    return Loss(total, cross_entropy.mean(), region_mean, presence)


def region_loss(probability: Tensor, target: Tensor, smooth: float = 1.0) -> Tensor:
    """1 - Dice coefficient per expression, (K, H, W) twice -> (K,): blind to the size of the thing, which cross-entropy is not."""
    overlap = (probability * target).sum((1, 2))
    return 1 - (2 * overlap + smooth) / (probability.sum((1, 2)) + target.sum((1, 2)) + smooth)


@torch.no_grad()
def batch_iou(logits: Tensor, target: Tensor) -> Tensor:
    """Mean IoU at probability 0.5 of the expressions that name something present; a scalar, NaN when there is none."""
    predicted, wanted = logits > 0, target > 0.5
    present = wanted.flatten(1).any(1)
    overlap = (predicted & wanted).sum((1, 2)).float()
    union = (predicted | wanted).sum((1, 2)).clamp_min(1).float()
    return (overlap / union)[present].mean()
