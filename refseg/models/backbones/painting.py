"""Detections painted onto the grid: every position learns the name and the box of the object it belongs to.

A detector answers at the center of an object only; a segmentation network asks at every position. Painting spreads each
detection over its box, so that the position of a dog's tail carries "dog" and the place and size of the whole dog. Soft
box edges keep it differentiable.
"""

import torch
from torch import Tensor, nn

from refseg.models.backbones.detections import Detections, take_rows
from refseg.models.backbones.yolox import CLASSES

GEOMETRY_CHANNELS = 6


class DetectionPainting(nn.Module):
    """Detections -> (B, name_channels + 6, size, size): name vector, box center x, y, width, height, log area, and
    confidence.

    With score s_i = objectness * best class probability and m_i(p) in 0..1 the soft membership of position p in box i,
    each position holds sum_i w_i(p) * [name_i ; box_i], w_i(p) = m_i(p) s_i / (sum_j m_j(p) s_j + floor). The 80 class
    names are vectors in the space of the word table (`names`), so positions and words are comparable from the first
    step. Only the `count` best detections are painted.
    """

    def __init__(self, name_channels: int, count: int = 100, floor: float = 0.1, softness: float = 4.0) -> None:
        super().__init__()
        self.names = nn.Linear(CLASSES, name_channels, bias=False)
        self.count, self.floor, self.softness = count, floor, softness
        self.channels = name_channels + GEOMETRY_CHANNELS

    def forward(self, detections: Detections, image_size: int, grid: int) -> Tensor:
        with torch.autocast(detections.boxes.device.type, enabled=False):
            probability = detections.classes.float().sigmoid() * detections.objectness.float().sigmoid().unsqueeze(
                -1
            )  # (B, A, 80)
            scores, order = probability.amax(-1).topk(min(self.count, probability.shape[1]), dim=1)  # (B, N)
            probability = take_rows(probability, order)
            boxes = take_rows(detections.boxes.float(), order)
            membership = self._membership(boxes, image_size, grid)  # (B, N, P)
            weights = membership * scores.unsqueeze(-1)
            weights = weights / (weights.sum(1, keepdim=True) + self.floor)
            names = self.names(probability / scores.unsqueeze(-1).clamp_min(1e-6))  # (B, N, name_channels)
            things = torch.cat([names, _geometry(boxes, image_size), scores.unsqueeze(-1)], dim=-1)
            painted: Tensor = (things.transpose(1, 2) @ weights).unflatten(-1, (grid, grid))  # (B, C, h, w)
            return painted

    def _membership(self, boxes: Tensor, image_size: int, grid: int) -> Tensor:
        """Soft indicator (B, N, P) of the cell centers inside boxes (B, N, 4), the edges `softness` pixels wide."""
        centres = (torch.arange(grid, device=boxes.device) + 0.5) * (image_size / grid)
        x1, y1, x2, y2 = boxes.unsqueeze(-1).unbind(2)  # each (B, N, 1)
        inside_x = ((centres - x1) / self.softness).sigmoid() * ((x2 - centres) / self.softness).sigmoid()  # (B, N, w)
        inside_y = ((centres - y1) / self.softness).sigmoid() * ((y2 - centres) / self.softness).sigmoid()  # (B, N, h)
        return (inside_y.unsqueeze(-1) * inside_x.unsqueeze(-2)).flatten(2)


def _geometry(boxes: Tensor, image_size: int) -> Tensor:
    """(B, N, 5): center and size in -1..1 and 0..1 of the image, and the log of the area, 0 for the whole image."""
    corners = (boxes / image_size).clamp(0, 1)
    size = (corners[..., 2:] - corners[..., :2]).clamp_min(1e-3)
    centre = corners[..., :2] + corners[..., 2:] - 1
    return torch.cat([centre, size, size.prod(-1, keepdim=True).log() / 4], dim=-1)
