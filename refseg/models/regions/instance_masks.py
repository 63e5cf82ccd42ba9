"""Instance masks: the outline of the object in each box."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refseg.models.layers.precision import at_least_float32

GRID = 28  # cells of a mask across its (enlarged) box
MARGIN = 1.2  # masks may reach beyond the detector's box


class InstanceMasks(nn.Module):
    """Feature maps and boxes -> mask logits (B, N, 28, 28) over the boxes, enlarged by a fifth.

    The maps (coarse, middle, fine at strides 16, 8, 4) are projected to one width, sampled on a 14 x 14 grid in each
    box beside the position in the box, filtered, and joined by the finest map on 28 x 28: the mask head of He et al.,
    "Mask R-CNN" (2017), much reduced.
    """

    def __init__(self, coarse: int, middle: int, fine: int, width: int = 64) -> None:
        super().__init__()
        self.coarse, self.middle = nn.Conv2d(coarse, width, 1), nn.Conv2d(middle, width, 1)
        self.fine = nn.Conv2d(fine, width // 2, 3, padding=1)
        self.filters = nn.ModuleList(nn.Conv2d(width + 2 * (i == 0), width, 3, padding=1, bias=False) for i in range(3))
        self.norms = nn.ModuleList(nn.GroupNorm(8, width) for _ in range(3))
        self.enlarge = nn.Conv2d(width, width // 2, 1)
        self.last = nn.Conv2d(width // 2, width // 2, 3, padding=1, bias=False)
        self.last_norm = nn.GroupNorm(8, width // 2)
        self.logits = nn.Conv2d(width // 2, 1, 1)

    def forward(self, maps: Sequence[Tensor], boxes: Tensor, image_size: int) -> Tensor:
        """maps: coarse (B, C, S/16, S/16), middle (B, C, S/8, S/8), fine (B, C, S/4, S/4); boxes (B, N, 4) in pixels of
        S = image_size.
        """
        coarse, middle, fine = maps
        size = middle.shape[-2:]
        joint = F.relu(
            self.middle(middle) + F.interpolate(self.coarse(coarse), size=size, mode="bilinear", align_corners=False)
        )
        count = boxes.shape[1]
        x = sample_boxes(joint, boxes, GRID // 2, image_size)  # (B * N, W, 14, 14)
        for i, (filter_, norm) in enumerate(zip(self.filters, self.norms, strict=True)):
            y = torch.cat([x, _position_in_box(x)], dim=1) if i == 0 else x
            y = F.relu(norm(filter_(y)))
            x = y if i == 0 else x + y
        x = F.interpolate(self.enlarge(x), scale_factor=2.0, mode="bilinear", align_corners=False)
        x = F.relu(x + sample_boxes(F.relu(self.fine(fine)), boxes, GRID, image_size))
        x = F.relu(self.last_norm(self.last(x)))
        logits: Tensor = self.logits(x).view(-1, count, GRID, GRID)
        return logits


def enlarge_boxes(boxes: Tensor) -> Tensor:
    """Boxes (..., 4) about the same centers, `MARGIN` times as wide and high, at least 8 pixels."""
    center, half = (boxes[..., :2] + boxes[..., 2:]) / 2, ((boxes[..., 2:] - boxes[..., :2]) / 2 * MARGIN).clamp_min(4)
    return torch.cat([center - half, center + half], dim=-1)


def sample_boxes(features: Tensor, boxes: Tensor, cells: int, image_size: int) -> Tensor:
    """Sample (B, C, h, w) at the centers of a cells x cells grid over each enlarged box (B, N, 4) -> (B * N, C, cells,
    cells), at least float32: half types would move the sampling positions."""
    b, n = boxes.shape[:2]
    x1, y1, x2, y2 = (enlarge_boxes(at_least_float32(boxes)) / image_size * 2 - 1).unbind(
        -1
    )  # -1..1 over the image, as grid_sample expects
    steps = (torch.arange(cells, device=boxes.device) + 0.5) / cells
    x = (x1.unsqueeze(-1) + (x2 - x1).unsqueeze(-1) * steps).unsqueeze(2).expand(b, n, cells, cells)
    y = (y1.unsqueeze(-1) + (y2 - y1).unsqueeze(-1) * steps).unsqueeze(3).expand(b, n, cells, cells)
    features = at_least_float32(features)
    grid = torch.stack([x, y], dim=-1).flatten(1, 2).to(features.dtype)  # (B, N * cells, cells, 2)
    sampled = F.grid_sample(features, grid, mode="bilinear", padding_mode="border", align_corners=False)
    boxed: Tensor = sampled.unflatten(2, (n, cells)).transpose(1, 2).flatten(0, 1)
    return boxed


def paste_masks(probability: Tensor, boxes: Tensor, image_size: int, cells: int) -> Tensor:
    """Masks (B, N, 28, 28) over their enlarged boxes (B, N, 4) -> (B, N, cells, cells) over the square image, 0 outside
    the boxes.
    """
    b, n = boxes.shape[:2]
    x1, y1, x2, y2 = enlarge_boxes(at_least_float32(boxes)).flatten(0, 1).unsqueeze(-1).unbind(1)  # each (B * N, 1)
    centers = (torch.arange(cells, device=boxes.device) + 0.5) * (image_size / cells)
    x = ((centers - x1) / (x2 - x1) * 2 - 1).unsqueeze(1).expand(-1, cells, -1)
    y = ((centers - y1) / (y2 - y1) * 2 - 1).unsqueeze(2).expand(-1, -1, cells)
    pasted = F.grid_sample(
        at_least_float32(probability).flatten(0, 1).unsqueeze(1),
        torch.stack([x, y], dim=-1),
        padding_mode="zeros",
        align_corners=False,
    )
    return pasted.view(b, n, cells, cells)


def _position_in_box(x: Tensor) -> Tensor:
    """(M, 2, h, w): horizontal and vertical position in the box, -1..1."""
    h, w = x.shape[-2:]
    across = torch.linspace(-1, 1, w, device=x.device, dtype=x.dtype).expand(h, w)
    down = torch.linspace(-1, 1, h, device=x.device, dtype=x.dtype).unsqueeze(1).expand(h, w)
    return torch.stack([across, down]).expand(len(x), -1, -1, -1)
