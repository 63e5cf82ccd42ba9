"""A light decoder that carries the coarse response to strides 8 and 4, where the backbone still sees the edges.

Not in the paper, which predicts on the coarse grid: compact configuration only.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ResidualContext(nn.Module):
    """Two 3x3 convolutions (the second dilated) with group normalisation, added to the input."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.near = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.near_norm = nn.GroupNorm(8, channels)
        self.far = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False)
        self.far_norm = nn.GroupNorm(8, channels)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.near_norm(self.near(x)))
        return F.relu(x + self.far_norm(self.far(y)))


class Refinement(nn.Module):
    """features (K, X, h, w) and details ((K, D_8, 2h, 2w), (K, D_4, 4h, 4w)) -> (K, out, 4h, 4w).

    The details are projected per picture (`project`), once for all its expressions, and selected per expression by the caller.
    """

    def __init__(self, channels: int, details: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        self.context = nn.Sequential(ResidualContext(channels, dilation=2), ResidualContext(channels, dilation=4))
        self.details = nn.ModuleList(nn.Conv2d(inputs, width // 2, 1) for inputs, width in zip(details, widths, strict=True))
        self.merge = nn.ModuleList()
        for width in widths:
            self.merge.append(
                nn.Sequential(nn.Conv2d(channels + width // 2, width, 3, padding=1, bias=False), nn.GroupNorm(8, width), nn.ReLU())
            )
            channels = width
        self.channels = channels

    def project(self, details: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Project each detail map (B, D, H, W) to half the width of its stage."""
        return tuple(F.relu(project(detail)) for project, detail in zip(self.details, details, strict=True))

    def forward(self, features: Tensor, details: Sequence[Tensor]) -> Tensor:
        x: Tensor = self.context(features)
        for merge, detail in zip(self.merge, details, strict=True):
            x = F.interpolate(x, size=detail.shape[-2:], mode="bilinear", align_corners=False)
            x = merge(torch.cat([x, detail], dim=1))
        return x
