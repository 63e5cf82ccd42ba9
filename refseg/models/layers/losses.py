"""Losses of a mask that several systems share: Eq. 8 (binary cross-entropy) and the Dice loss."""

import torch
import torch.nn.functional as F
from torch import Tensor

from refseg.models.system import Targets


def mask_losses(logits: Tensor, batch: Targets, border: bool = False) -> dict[str, Tensor]:
    """{"cross_entropy", "dice"} of logits (K, h, w), which are enlarged to the grid of the targets; scalars.

    cross_entropy: mean over the cells of each expression, then over the expressions; over the cells of the image, or
    with `border` over those of the whole square.  dice: mean over the expressions that have a target.
    """
    logits = logits.float()
    target = batch.masks
    if logits.shape[-2:] != target.shape[-2:]:
        logits = F.interpolate(
            logits.unsqueeze(1), size=target.shape[-2:], mode="bilinear", align_corners=False
        ).squeeze(1)
    counted = torch.ones_like(target) if border else batch.inside.float()
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    cross_entropy = (entropy * counted).sum((1, 2)) / counted.sum((1, 2)).clamp_min(1)
    has_target = target.flatten(1).amax(1) > 0
    dice = dice_loss(logits.sigmoid() * counted, target * counted)
    return {"cross_entropy": cross_entropy.mean(), "dice": (dice * has_target).sum() / has_target.sum().clamp_min(1)}


def dice_loss(probability: Tensor, target: Tensor, smooth: float = 1.0) -> Tensor:
    """1 - Dice coefficient per mask, (K, H, W) twice -> (K,). It does not depend on the size of the object, as
    cross-entropy does.
    """
    overlap = (probability * target).sum((1, 2))
    return 1 - (2 * overlap + smooth) / (probability.sum((1, 2)) + target.sum((1, 2)) + smooth)
