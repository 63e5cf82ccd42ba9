"""Losses of the region branch: the choice among the regions, the masks in their boxes, number and presence."""

import torch
import torch.nn.functional as F
from torch import Tensor

from refseg.models.layers.losses import dice_loss
from refseg.models.regions.instance_masks import sample_boxes
from refseg.models.regions.proposals import pairwise_iou
from refseg.models.regions.selection import Selected

FOUND = 0.5  # IoU of boxes from which a region counts as the object
CATEGORY_WEIGHT = 0.3


def overlap_with(regions: Tensor, objects: Tensor) -> Tensor:
    """Best IoU of each region (K, N, 4) with any of the boxes meant (K, O, 4; zeros are none) -> (K, N)."""
    if objects.shape[1] == 0:
        return regions.new_zeros(regions.shape[:2])
    return pairwise_iou(regions, objects).amax(-1)


def selection_loss(selected: Selected, overlap: Tensor, category: Tensor | None = None) -> Tensor:
    """Cross-entropy of the choice, a scalar.

    overlap (K, N): IoU of the regions with what is meant. The target spreads over the regions that match it in
    proportion to IoU^2, and is "none" if no region does.  category (K,): index of what is meant among the detector's
    classes, -1 if unknown or none of them. Each voter learns from its own answer; the loss is their mean.
    """
    if selected.votes:
        return torch.stack([selection_loss(vote, overlap, category) for vote in selected.votes]).mean()
    good = (overlap > FOUND).float() * overlap**2
    none = (good.sum(1, keepdim=True) == 0).float()
    target = torch.cat([good, none], dim=1)
    target = target / target.sum(1, keepdim=True)
    loss = -(target * selected.logits.float().log_softmax(1)).sum(1).mean()
    if category is not None and bool((category >= 0).any()):
        loss = loss + CATEGORY_WEIGHT * F.cross_entropy(selected.category.float(), category, ignore_index=-1)
    return loss


def number_loss(several: Tensor, count: Tensor) -> Tensor:
    """Cross-entropy of "several are meant", a scalar. several (K,): its logits; count (K,): how many objects are meant.
    An expression without target is left out, as it may be either."""
    entropy = F.binary_cross_entropy_with_logits(several.float(), (count > 1).float(), reduction="none") * (count > 0)
    return entropy.sum() / (count > 0).sum().clamp_min(1)


def instance_loss(logits: Tensor, boxes: Tensor, masks: Tensor, image_size: int) -> Tensor:
    """Cross-entropy and 1 - Dice of M masks in their boxes, a scalar (zero for M = 0).

    logits (M, 28, 28) over the enlarged boxes (M, 4); masks (M, H, W): share of each cell of the square image that
    belongs to the object.
    """
    if not len(logits):
        return logits.sum()
    target = sample_boxes(masks.unsqueeze(1), boxes.unsqueeze(1), logits.shape[-1], image_size).squeeze(1)
    cross_entropy = F.binary_cross_entropy_with_logits(logits.float(), target)
    return cross_entropy + dice_loss(logits.float().sigmoid(), target).mean()


def boxes_of_masks(masks: Tensor, image_size: int) -> Tensor:
    """Boxes (M, 4) in pixels of the cells of masks (M, H, W) that are at least half covered."""
    covered = masks >= 0.5
    scale = image_size / masks.shape[-1]
    sides = []
    for dimension, size in ((1, masks.shape[-1]), (2, masks.shape[-2])):
        hit = covered.any(dimension)
        first = hit.float().argmax(1)
        last = size - hit.flip(1).float().argmax(1)
        sides.append((first, last))
    (x1, x2), (y1, y2) = sides
    return torch.stack([x1, y1, x2, y2], dim=1).float() * scale


def matched_regions(regions: Tensor, objects: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """For M objects (M, 4) of the images index (M,): the region of (B, N, 4) that overlaps each best, and its IoU; (M,)
    twice.
    """
    iou = pairwise_iou(regions[index], objects.unsqueeze(1)).squeeze(-1)  # (M, N)
    best = iou.max(1)
    return best.indices, best.values


def presence_loss(presence: Tensor, masks: Tensor) -> Tensor:
    """Cross-entropy of "the image holds it", a scalar. presence (K,): logits; masks (K, H, W): zero for an expression
    without target.
    """
    return F.binary_cross_entropy_with_logits(presence.float(), (masks.flatten(1).amax(1) > 0).float())
