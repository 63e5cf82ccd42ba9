"""What the region branch minimises: the right choice among the candidates, and the masks of the things in them."""

import torch
import torch.nn.functional as F
from torch import Tensor

from refseg.models.regions.instance_masks import read_boxes
from refseg.models.regions.proposals import pairwise_iou
from refseg.models.regions.selection import Selected
from refseg.training.losses import region_loss

FOUND = 0.5  # IoU of boxes from which a candidate counts as the object
CATEGORY_WEIGHT = 0.3


def overlap_with(regions: Tensor, objects: Tensor) -> Tensor:
    """Best IoU of each candidate box (K, N, 4) with any of the meant boxes (K, O, 4; zeros are none) -> (K, N)."""
    if objects.shape[1] == 0:
        return regions.new_zeros(regions.shape[:2])
    return pairwise_iou(regions, objects).amax(-1)


def selection_loss(selected: Selected, overlap: Tensor, category: Tensor | None = None) -> Tensor:
    """Cross-entropy of the choice, a scalar.

    overlap (K, N): IoU of the candidates with what is meant. The choice should spread over the candidates that are it in proportion to IoU^2, and go to
    "none" where no candidate is. category (K,): index of what is meant among the detector's classes, -1 for unknown or none of them.
    Where several vote, the mean of their losses.
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
    """Cross-entropy of "several are meant", a scalar. several (K,): its logits; count (K,): how many objects are meant. What means nothing in its picture is
    left out: it may be either."""
    entropy = F.binary_cross_entropy_with_logits(several.float(), (count > 1).float(), reduction="none") * (count > 0)
    return entropy.sum() / (count > 0).sum().clamp_min(1)


def instance_loss(logits: Tensor, boxes: Tensor, masks: Tensor, image_size: int) -> Tensor:
    """Cross-entropy and 1 - Dice of M masks in their boxes, a scalar (zero for M = 0).

    logits (M, 28, 28) over the enlarged boxes (M, 4); masks (M, H, W): share of each cell of the square picture that belongs to the object.
    """
    if not len(logits):
        return logits.sum()
    target = read_boxes(masks.unsqueeze(1), boxes.unsqueeze(1), logits.shape[-1], image_size).squeeze(1)
    cross_entropy = F.binary_cross_entropy_with_logits(logits.float(), target)
    return cross_entropy + region_loss(logits.float().sigmoid(), target).mean()


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
    """For M objects (M, 4) of the pictures index (M,): the candidate (of regions (B, N, 4)) that overlaps each best, and its IoU; (M,) twice."""
    iou = pairwise_iou(regions[index], objects.unsqueeze(1)).squeeze(-1)  # (M, N)
    best = iou.max(1)
    return best.indices, best.values
