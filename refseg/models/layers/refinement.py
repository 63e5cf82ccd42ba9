"""A light decoder that carries the coarse response to strides 8 and 4, where the backbone still sees the edges.

Not in the paper, which predicts on the coarse grid: compact configuration only.
"""

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WITHHELD = 0.25  # share of expressions that are trained without evidence


class ResidualContext(nn.Module):
    """Two 3x3 convolutions (the second dilated) with group normalization, added to the input."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.near = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.near_norm = nn.GroupNorm(8, channels)
        self.far = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False)
        self.far_norm = nn.GroupNorm(8, channels)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.near_norm(self.near(x)), inplace=True)
        return F.relu(x + self.far_norm(self.far(y)), inplace=True)


class Refinement(nn.Module):
    """features (K, X, h, w) and details ((K, D_8, 2h, 2w), (K, D_4, 4h, 4w)), or those of one image for all K, -> (K,
    out, 4h, 4w).

    Each stage adds the enlarged response to the image's own details and filters the sum once. What depends on the
    image alone (`project`) is computed once for all its expressions. evidence: channels of a map (K, evidence, 4h,
    4w) that joins at every stage, 0 for none; in training it is withheld from a quarter of the expressions, because
    otherwise the network forgets what words and positions say without it.
    """

    def __init__(self, channels: int, details: Sequence[int], widths: Sequence[int], evidence: int = 0) -> None:
        super().__init__()
        self.evidence = nn.ModuleList(
            nn.Conv2d(evidence, width, 3, padding=1, bias=False) for width in widths if evidence
        )
        for join in self.evidence:
            nn.init.zeros_(cast(nn.Conv2d, join).weight)  # starts as the decoder without it
        self.context = nn.Sequential(ResidualContext(channels, dilation=2), ResidualContext(channels, dilation=4))
        self.details = nn.ModuleList(
            nn.Conv2d(inputs, width, 3, padding=1) for inputs, width in zip(details, widths, strict=True)
        )
        self.narrow = nn.ModuleList(
            nn.Conv2d(wide, width, 1) for wide, width in zip((channels, *widths), widths, strict=False)
        )
        self.filter = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1, bias=False) for width in widths)
        self.norm = nn.ModuleList(nn.GroupNorm(8, width) for width in widths)
        self.channels = widths[-1]

    def project(self, details: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Project each detail map (B, D, H, W) to the width of its stage."""
        return tuple(project(detail) for project, detail in zip(self.details, details, strict=True))

    def forward(self, features: Tensor, details: Sequence[Tensor], evidence: Tensor | None = None) -> Tensor:
        x: Tensor = self.context(features)
        if evidence is not None and self.training:
            evidence = evidence * (torch.rand(len(evidence), 1, 1, 1, device=evidence.device) >= WITHHELD)
        for stage, (narrow, filter_, norm, detail) in enumerate(
            zip(self.narrow, self.filter, self.norm, details, strict=True)
        ):
            # In place where nothing else holds the tensor: these are the largest maps of the network.
            joined = F.interpolate(narrow(x), size=detail.shape[-2:], mode="bilinear", align_corners=False).add_(detail)
            if evidence is not None:
                size = (detail.shape[-2], detail.shape[-1])
                joined.add_(
                    self.evidence[stage](
                        evidence if evidence.shape[-2:] == size else F.adaptive_avg_pool2d(evidence, size)
                    )
                )
            x = F.relu(norm(filter_(F.relu(joined, inplace=True))), inplace=True)
        return x
