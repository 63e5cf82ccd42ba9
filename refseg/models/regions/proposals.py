"""Region proposals: the strongest detections of an image, each described by measurements, so that an expression can
choose among them.

Nothing here is learned and no gradient passes: `selection.py` chooses, `instance_masks.py` predicts the masks.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from refseg.models.backbones.detections import Detections, take_rows
from refseg.models.layers.precision import at_least_float32
from refseg.models.regions.color_names import name_colors

GEOMETRY, COLORS = 26, 42
PRESELECTED = 400  # of the dense predictions, before overlapping ones are thinned out


class Regions(NamedTuple):
    """N regions of each of B images, best first, at least float32.

    boxes (B, N, 4): x1 y1 x2 y2 in pixels of the square image.  classes (B, N, C): probability that the box holds an
    object of class c. geometry (B, N, 26): see `describe_geometry`.  colors (B, N, 42): see `describe_colors`.
    appearance (B, N, A): mean feature vectors in the box, each map's normalized to length 1.
    """

    boxes: Tensor
    classes: Tensor
    geometry: Tensor
    colors: Tensor
    appearance: Tensor


@torch.no_grad()
def propose_regions(
    detections: Detections, images: Tensor, maps: Sequence[Tensor], windows: Tensor, count: int, overlap: float = 0.65
) -> Regions:
    """The `count` strongest detections that overlap no stronger one by more than `overlap` (IoU), described.

    images (B, 3, S, S) in 0..1; maps: feature maps (B, A_i, S/s_i, S/s_i); windows (B, 4): x1 y1 x2 y2 of the image in
    the square, without its border.
    """
    with torch.autocast(images.device.type, enabled=False):
        objectness = at_least_float32(detections.objectness).sigmoid()
        classes = at_least_float32(detections.classes).sigmoid() * objectness.unsqueeze(-1)  # (B, A, C)
        boxes = _within(at_least_float32(detections.boxes), windows)
        order = _non_maximum_suppression(boxes, classes.amax(-1), count, overlap)
        boxes, classes, objectness = take_rows(boxes, order), take_rows(classes, order), objectness.gather(1, order)
        inner = _inner(boxes)
        appearance = [
            F.normalize(_mean_inside(at_least_float32(features), inner, images.shape[-1]), dim=-1) for features in maps
        ]
        return Regions(
            boxes,
            classes,
            describe_geometry(boxes, classes, objectness, windows),
            describe_colors(at_least_float32(images), inner),
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
    """(B, N, 26): position, shape, rank among the other regions of its class, confidence.

    Corners and center in -1..1 of the image, width and height in 0..1, log area, root of the area, log aspect (11); for
    x, y, size and lower edge the share of the others of the same class that it exceeds, and the share that it does not
    (8), the first four as counts (4), log of the number of others (1); best class probability and objectness (2).
    "Second from the left" is a count; each other region counts by its class and its confidence.
    """
    corner, extent = windows[:, None, :2], (windows[:, 2:] - windows[:, :2]).clamp_min(1)[:, None]
    start, end = (boxes[..., :2] - corner) / extent, (boxes[..., 2:] - corner) / extent
    center, size = start + end - 1, (end - start).clamp_min(1e-3)
    area = size.prod(-1, keepdim=True)
    aspect = (size[..., :1] / size[..., 1:]).log() / 2
    own = torch.cat([start * 2 - 1, end * 2 - 1, center, size, area.log() / 4, area.sqrt(), aspect], dim=-1)

    scores = classes.amax(-1)
    others = _same_class(classes) * scores.unsqueeze(1) * (1 - pairwise_iou(boxes, boxes))  # (B, N, N)
    others = others * (1 - torch.eye(boxes.shape[1], device=boxes.device))
    compared = ((center[..., 0], 0.05), (center[..., 1], 0.05), (own[..., 8], 0.1), (own[..., 3], 0.05))
    counts = []
    for value, softness in compared:
        exceeds = ((value.unsqueeze(2) - value.unsqueeze(1)) / softness).sigmoid()
        counts += [(others * exceeds).sum(-1), (others * (1 - exceeds)).sum(-1)]
    total = others.sum(-1, keepdim=True)
    rank = torch.stack(counts, dim=-1)
    confidence = torch.stack([scores, objectness], dim=-1)
    return torch.cat([own, rank / (total + 0.1), rank[..., :4].clamp(max=6) / 3, (1 + total).log(), confidence], dim=-1)


def describe_colors(images: Tensor, boxes: Tensor) -> Tensor:
    """(B, N, 42) of the upper and the lower half of each box: mean RGB, RGB without its mean, difference to all boxes'
    mean (18), saturation (2), and the shares of the eleven color names (22)."""
    middle = (boxes[..., 1] + boxes[..., 3]) / 2
    upper, lower = boxes.clone(), boxes.clone()
    upper[..., 3], lower[..., 1] = middle, middle
    small = F.avg_pool2d(images, 4)
    described = torch.cat([small, name_colors(small)], dim=1)
    means = torch.stack(
        [_mean_inside(described, half, images.shape[-1]) for half in (upper, lower)], dim=-2
    )  # (B, N, 2, 3 + 11)
    rgb, named = means[..., :3], means[..., 3:]
    everywhere = rgb.mean((1, 2), keepdim=True)
    saturation = (rgb.amax(-1) - rgb.amin(-1)) * 3
    parts = [(rgb - 0.5) * 3, (rgb - rgb.mean(-1, keepdim=True)) * 8, (everywhere - rgb) * 3]
    return torch.cat([*(part.flatten(-2) for part in parts), saturation, named.flatten(-2) * 2], dim=-1)


def _same_class(classes: Tensor) -> Tensor:
    """(B, N, N): how similar the class distributions of two regions are, 0..1; 1 for a region and itself."""
    distribution = classes / classes.sum(-1, keepdim=True).clamp_min(1e-6)
    similarity = distribution @ distribution.transpose(1, 2)
    return (similarity / similarity.diagonal(dim1=1, dim2=2).unsqueeze(-1).clamp_min(1e-4)).clamp(0, 1)


@torch.no_grad()
def _non_maximum_suppression(boxes: Tensor, scores: Tensor, count: int, overlap: float) -> Tensor:
    """Indices (B, count) by greedy non-maximum suppression; where too few are left, the strongest suppressed ones fill
    up.
    """
    if scores.shape[1] < count:
        raise ValueError(
            f"got {scores.shape[1]} detections, expected at least {count}: use larger images or fewer regions"
        )
    scores, order = scores.topk(min(PRESELECTED, scores.shape[1]), dim=1)
    near = pairwise_iou(take_rows(boxes, order), take_rows(boxes, order)) > overlap  # (B, M, M)
    rank = scores.clone()  # a suppressed detection ranks 2 lower, below all others; a chosen one ranks last
    rows = torch.arange(len(rank), device=rank.device)
    chosen = []
    for _ in range(count):
        best = rank.argmax(1)
        chosen.append(best)
        hit = near[rows, best] & (rank >= 0)
        rank = torch.where(hit, rank - 2, rank)
        rank[rows, best] = float("-inf")
    return order.gather(1, torch.stack(chosen, dim=1))


def _within(boxes: Tensor, windows: Tensor) -> Tensor:
    """Boxes (B, A, 4) cut at the windows (B, 4)."""
    low, high = windows[:, None, :2].repeat(1, 1, 2), windows[:, None, 2:].repeat(1, 1, 2)
    return torch.minimum(torch.maximum(boxes, low), high)


def _inner(boxes: Tensor) -> Tensor:
    """The middle 60 % of the width and 80 % of the height, which is mostly the object itself."""
    x1, y1, x2, y2 = boxes.unbind(-1)
    return torch.stack([0.8 * x1 + 0.2 * x2, 0.9 * y1 + 0.1 * y2, 0.2 * x1 + 0.8 * x2, 0.1 * y1 + 0.9 * y2], dim=-1)


def _mean_inside(features: Tensor, boxes: Tensor, image_size: int) -> Tensor:
    """Mean of a map (B, A, h, w) over the cells that touch each box (B, N, 4) -> (B, N, A)."""
    h, w = features.shape[-2:]
    stride = image_size / w
    centers_x = (torch.arange(w, device=boxes.device) + 0.5) * stride
    centers_y = (torch.arange(h, device=boxes.device) + 0.5) * stride
    x1, y1, x2, y2 = boxes.unsqueeze(-1).unbind(2)
    across = ((centers_x > x1 - stride / 2) & (centers_x < x2 + stride / 2)).to(features.dtype)
    down = ((centers_y > y1 - stride / 2) & (centers_y < y2 + stride / 2)).to(features.dtype)
    rows = torch.einsum("bnh,bahw->bnaw", down, features)  # the box is a product, so the sum is one too
    total = torch.einsum("bnaw,bnw->bna", rows, across)
    return total / (down.sum(-1) * across.sum(-1)).clamp_min(1).unsqueeze(-1)
