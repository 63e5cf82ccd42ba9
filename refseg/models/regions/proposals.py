"""Candidate regions: what a detector takes for one thing each, described so that a sentence can choose among them.

Not in the paper, whose network answers position by position: it has no notion of *one* thing, and "the second from the left" asks for one.
Compact configuration only. Everything here is measured, nothing is learned, and no gradient passes: `selection.py` chooses, `instances.py` draws
the masks.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from refseg.models.backbones.detections import Detections, take_rows
from refseg.models.regions.color_names import name_colours
from refseg.models.layers.multimodal import at_least_float32

GEOMETRY, COLOURS = 26, 42
PRESELECTED = 400  # of the dense predictions, before overlapping ones are thinned out


class Regions(NamedTuple):
    """N regions of each of B pictures, best first, at least float32.

    boxes (B, N, 4): x1 y1 x2 y2 in pixels of the square picture.  classes (B, N, C): probability that a thing of class c stands there.
    geometry (B, N, 26): see `describe_geometry`.  colours (B, N, 42): see `describe_colours`.
    appearance (B, N, A): mean feature vectors in the box, each map's normalised to length 1.
    """

    boxes: Tensor
    classes: Tensor
    geometry: Tensor
    colours: Tensor
    appearance: Tensor


@torch.no_grad()
def propose_regions(
    detections: Detections, images: Tensor, maps: Sequence[Tensor], windows: Tensor, count: int, overlap: float = 0.65
) -> Regions:
    """The `count` strongest detections that overlap no stronger one by more than `overlap` (IoU), described.

    images (B, 3, S, S) in 0..1; maps: feature maps (B, A_i, S/s_i, S/s_i); windows (B, 4): x1 y1 x2 y2 of the picture proper in the square.
    """
    with torch.autocast(images.device.type, enabled=False):
        objectness = at_least_float32(detections.objectness).sigmoid()
        classes = at_least_float32(detections.classes).sigmoid() * objectness.unsqueeze(-1)  # (B, A, C)
        boxes = _within(at_least_float32(detections.boxes), windows)
        chosen = _strongest_apart(boxes, classes.amax(-1), count, overlap)
        boxes, classes, objectness = take_rows(boxes, chosen), take_rows(classes, chosen), objectness.gather(1, chosen)
        inner = _inner(boxes)
        appearance = [F.normalize(_mean_inside(at_least_float32(features), inner, images.shape[-1]), dim=-1) for features in maps]
        return Regions(
            boxes,
            classes,
            describe_geometry(boxes, classes, objectness, windows),
            describe_colours(at_least_float32(images), inner),
            torch.cat(appearance, dim=-1),
        )


def pairwise_iou(first: Tensor, second: Tensor) -> Tensor:
    """IoU of boxes (..., N, 4) and (..., M, 4) -> (..., N, M), 0..1."""
    corner = torch.maximum(first[..., :, None, :2], second[..., None, :, :2])
    opposite = torch.minimum(first[..., :, None, 2:], second[..., None, :, 2:])
    common = (opposite - corner).clamp_min(0).prod(-1)
    areas = [(boxes[..., 2:] - boxes[..., :2]).clamp_min(0).prod(-1) for boxes in (first, second)]
    return common / (areas[0][..., :, None] + areas[1][..., None, :] - common).clamp_min(1e-6)


def describe_geometry(boxes: Tensor, classes: Tensor, objectness: Tensor, windows: Tensor) -> Tensor:
    """(B, N, 26): place, shape, standing among the others of its class, confidence.

    Corners and centre in -1..1 of the picture, width and height in 0..1, log area, root of the area, log aspect (11); for x, y, size and lower edge
    which share of the others of the same class it exceeds and which not (8), the first four as counts (4), log of the number of others (1);
    best class probability and objectness (2). "Second from the left" is a count; who the others are is weighed by class and confidence.
    """
    corner, extent = windows[:, None, :2], (windows[:, 2:] - windows[:, :2]).clamp_min(1)[:, None]
    start, end = (boxes[..., :2] - corner) / extent, (boxes[..., 2:] - corner) / extent
    centre, size = start + end - 1, (end - start).clamp_min(1e-3)
    area = size.prod(-1, keepdim=True)
    aspect = (size[..., :1] / size[..., 1:]).log() / 2
    own = torch.cat([start * 2 - 1, end * 2 - 1, centre, size, area.log() / 4, area.sqrt(), aspect], dim=-1)

    scores = classes.amax(-1)
    others = _same_class(classes) * scores.unsqueeze(1) * (1 - pairwise_iou(boxes, boxes))  # (B, N, N)
    others = others * (1 - torch.eye(boxes.shape[1], device=boxes.device))
    compared = ((centre[..., 0], 0.05), (centre[..., 1], 0.05), (own[..., 8], 0.1), (own[..., 3], 0.05))
    counts = []
    for value, softness in compared:
        exceeds = ((value.unsqueeze(2) - value.unsqueeze(1)) / softness).sigmoid()
        counts += [(others * exceeds).sum(-1), (others * (1 - exceeds)).sum(-1)]
    total = others.sum(-1, keepdim=True)
    standing = torch.stack(counts, dim=-1)
    confidence = torch.stack([scores, objectness], dim=-1)
    return torch.cat([own, standing / (total + 0.1), standing[..., :4].clamp(max=6) / 3, (1 + total).log(), confidence], dim=-1)


def describe_colours(images: Tensor, boxes: Tensor) -> Tensor:
    """(B, N, 42) of the upper and the lower half of each box: mean RGB, RGB without its mean, difference to all boxes' mean (18), saturation (2),
    and the shares of the eleven colour names (22)."""
    middle = (boxes[..., 1] + boxes[..., 3]) / 2
    upper, lower = boxes.clone(), boxes.clone()
    upper[..., 3], lower[..., 1] = middle, middle
    small = F.avg_pool2d(images, 4)
    seen = torch.cat([small, name_colours(small)], dim=1)
    means = torch.stack([_mean_inside(seen, half, images.shape[-1]) for half in (upper, lower)], dim=-2)  # (B, N, 2, 3 + 11)
    rgb, named = means[..., :3], means[..., 3:]
    everywhere = rgb.mean((1, 2), keepdim=True)
    saturation = (rgb.amax(-1) - rgb.amin(-1)) * 3
    parts = [(rgb - 0.5) * 3, (rgb - rgb.mean(-1, keepdim=True)) * 8, (everywhere - rgb) * 3]
    return torch.cat([*(part.flatten(-2) for part in parts), saturation, named.flatten(-2) * 2], dim=-1)


def _same_class(classes: Tensor) -> Tensor:
    """(B, N, N): how far each region's distribution over the classes is also the other's, 1 for its own."""
    distribution = classes / classes.sum(-1, keepdim=True).clamp_min(1e-6)
    likeness = distribution @ distribution.transpose(1, 2)
    return (likeness / likeness.diagonal(dim1=1, dim2=2).unsqueeze(-1).clamp_min(1e-4)).clamp(0, 1)


@torch.no_grad()
def _strongest_apart(boxes: Tensor, scores: Tensor, count: int, overlap: float) -> Tensor:
    """Indices (B, count) by greedy non-maximum suppression; where too few are left, the strongest suppressed ones fill up."""
    if scores.shape[1] < count:
        raise ValueError(f"got {scores.shape[1]} detections, expected at least {count}: use larger pictures or fewer regions")
    scores, order = scores.topk(min(PRESELECTED, scores.shape[1]), dim=1)
    near = pairwise_iou(take_rows(boxes, order), take_rows(boxes, order)) > overlap  # (B, M, M)
    rank = scores.clone()  # a suppressed one lies 2 lower, below all others; a taken one is out of the race
    rows = torch.arange(len(rank), device=rank.device)
    taken = []
    for _ in range(count):
        best = rank.argmax(1)
        taken.append(best)
        hit = near[rows, best] & (rank >= 0)
        rank = torch.where(hit, rank - 2, rank)
        rank[rows, best] = float("-inf")
    return order.gather(1, torch.stack(taken, dim=1))


def _within(boxes: Tensor, windows: Tensor) -> Tensor:
    """Boxes (B, A, 4) cut at the windows (B, 4)."""
    low, high = windows[:, None, :2].repeat(1, 1, 2), windows[:, None, 2:].repeat(1, 1, 2)
    return torch.minimum(torch.maximum(boxes, low), high)


def _inner(boxes: Tensor) -> Tensor:
    """The middle 60 % of the width and 80 % of the height: mostly the thing itself."""
    x1, y1, x2, y2 = boxes.unbind(-1)
    return torch.stack([0.8 * x1 + 0.2 * x2, 0.9 * y1 + 0.1 * y2, 0.2 * x1 + 0.8 * x2, 0.1 * y1 + 0.9 * y2], dim=-1)


def _mean_inside(features: Tensor, boxes: Tensor, image_size: int) -> Tensor:
    """Mean of a map (B, A, h, w) over the cells that touch each box (B, N, 4) -> (B, N, A)."""
    h, w = features.shape[-2:]
    stride = image_size / w
    centres_x = (torch.arange(w, device=boxes.device) + 0.5) * stride
    centres_y = (torch.arange(h, device=boxes.device) + 0.5) * stride
    x1, y1, x2, y2 = boxes.unsqueeze(-1).unbind(2)
    across = ((centres_x > x1 - stride / 2) & (centres_x < x2 + stride / 2)).to(features.dtype)
    down = ((centres_y > y1 - stride / 2) & (centres_y < y2 + stride / 2)).to(features.dtype)
    rows = torch.einsum("bnh,bahw->bnaw", down, features)  # the box is a product, so the sum is one too
    total = torch.einsum("bnaw,bnw->bna", rows, across)
    return total / (down.sum(-1) * across.sum(-1)).clamp_min(1).unsqueeze(-1)
