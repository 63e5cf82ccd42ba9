"""YOLOX-nano: the detector that knows *what* stands where (CSPDarknet, PAFPN and the decoupled head, batch
normalization folded).

The architecture is that of Ge, Liu, Wang, Li and Sun, "YOLOX: Exceeding YOLO Series in 2021", at depth 0.33 and width
0.25 with depthwise convolutions. Modules are called in the order of the published graph, so that an initialization can
be read in that order.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refseg.models.backbones.detections import Detections
from refseg.models.layers.precision import at_least_float32

STRIDES = (8, 16, 32)
CLASSES = 80


class YoloxFeatures(NamedTuple):
    """PAN maps at strides 8, 16, 32 of 64, 128, 256 channels, and the dense predictions of the three scales together,
    boxes at least float32."""

    pan: tuple[Tensor, Tensor, Tensor]
    detections: Detections


class ConvUnit(nn.Module):
    """Convolution with bias (normalization folded) and SiLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(self.conv(x))


class SeparableUnit(nn.Sequential):
    """A depthwise 3x3 unit and a pointwise unit."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(ConvUnit(inputs, inputs, 3, stride, groups=inputs), ConvUnit(inputs, outputs))


class Bottleneck(nn.Module):
    """1x1 and separable 3x3, with the identity added where `shortcut`."""

    def __init__(self, channels: int, shortcut: bool) -> None:
        super().__init__()
        self.reduce, self.spatial, self.shortcut = (
            ConvUnit(channels, channels),
            SeparableUnit(channels, channels),
            shortcut,
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.spatial(self.reduce(x))
        return x + y if self.shortcut else y


class CspStage(nn.Module):
    """Cross-stage partial block: half the channels through the bottlenecks, the other half around them."""

    def __init__(self, inputs: int, outputs: int, depth: int = 1, shortcut: bool = True) -> None:
        super().__init__()
        hidden = outputs // 2
        self.through, self.around = ConvUnit(inputs, hidden), ConvUnit(inputs, hidden)
        self.blocks = nn.Sequential(*(Bottleneck(hidden, shortcut) for _ in range(depth)))
        self.merge = ConvUnit(2 * hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        through, around = self.through(x), self.around(x)
        merged: Tensor = self.merge(torch.cat([self.blocks(through), around], dim=1))
        return merged


class PyramidPooling(nn.Module):
    """Spatial pyramid pooling with windows of 5, 9 and 13."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce, self.merge = ConvUnit(channels, channels // 2), ConvUnit(2 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.reduce(x)
        # max-pooling by 9 and 13 equals pooling by 5 twice and three times
        five = F.max_pool2d(x, 5, 1, 2)
        nine = F.max_pool2d(five, 5, 1, 2)
        merged: Tensor = self.merge(torch.cat([x, five, nine, F.max_pool2d(nine, 5, 1, 2)], dim=1))
        return merged


class Head(nn.Module):
    """Decoupled head of one scale: class logits, box regression, objectness logit."""

    def __init__(self, inputs: int, hidden: int = 64) -> None:
        super().__init__()
        self.stem = ConvUnit(inputs, hidden)
        self.class_tower = nn.Sequential(SeparableUnit(hidden, hidden), SeparableUnit(hidden, hidden))
        self.classes = nn.Conv2d(hidden, CLASSES, 1)
        self.box_tower = nn.Sequential(SeparableUnit(hidden, hidden), SeparableUnit(hidden, hidden))
        self.boxes = nn.Conv2d(hidden, 4, 1)
        self.objectness = nn.Conv2d(hidden, 1, 1)

    def forward(self, x: Tensor, stride: int) -> Detections:
        x = self.stem(x)
        classes = self.classes(self.class_tower(x))
        tower = self.box_tower(x)
        boxes, objectness = (
            at_least_float32(self.boxes(tower)),
            self.objectness(tower),
        )  # bfloat16 counts in steps of 2 from 256 pixels on
        h, w = boxes.shape[-2:]
        y, x_ = torch.meshgrid(
            torch.arange(h, device=boxes.device), torch.arange(w, device=boxes.device), indexing="ij"
        )
        centre = (boxes[:, :2] + torch.stack([x_, y])) * stride  # (B, 2, h, w)
        half = boxes[:, 2:].clamp(max=8).exp() * (stride / 2)
        corners = torch.cat([centre - half, centre + half], dim=1)
        return Detections(classes.flatten(2).transpose(1, 2), objectness.flatten(1), corners.flatten(2).transpose(1, 2))


class YoloxNano(nn.Module):
    """images (B, 3, S, S), *BGR in 0..255*, S divisible by 32 -> `YoloxFeatures`."""

    pan_channels = (64, 128, 256)

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvUnit(12, 16, 3)
        self.dark2 = nn.Sequential(SeparableUnit(16, 32, 2), CspStage(32, 32))
        self.dark3 = nn.Sequential(SeparableUnit(32, 64, 2), CspStage(64, 64, depth=3))
        self.dark4 = nn.Sequential(SeparableUnit(64, 128, 2), CspStage(128, 128, depth=3))
        self.dark5 = nn.Sequential(SeparableUnit(128, 256, 2), PyramidPooling(256), CspStage(256, 256, shortcut=False))
        self.lateral5 = ConvUnit(256, 128)
        self.top4 = CspStage(256, 128, shortcut=False)
        self.lateral4 = ConvUnit(128, 64)
        self.top3 = CspStage(128, 64, shortcut=False)
        self.down3 = SeparableUnit(64, 64, 2)
        self.out4 = CspStage(128, 128, shortcut=False)
        self.down4 = SeparableUnit(128, 128, 2)
        self.out5 = CspStage(256, 256, shortcut=False)
        self.heads = nn.ModuleList(Head(channels) for channels in self.pan_channels)

    def forward(self, images: Tensor) -> YoloxFeatures:
        # focus: the four pixels of each 2x2 cell become channels
        x = torch.cat(
            [images[..., ::2, ::2], images[..., 1::2, ::2], images[..., ::2, 1::2], images[..., 1::2, 1::2]], dim=1
        )
        c3 = self.dark3(self.dark2(self.stem(x)))
        c4 = self.dark4(c3)
        c5 = self.dark5(c4)
        l5 = self.lateral5(c5)
        l4 = self.lateral4(self.top4(torch.cat([_twice(l5), c4], dim=1)))
        p3 = self.top3(torch.cat([_twice(l4), c3], dim=1))
        p4 = self.out4(torch.cat([self.down3(p3), l4], dim=1))
        p5 = self.out5(torch.cat([self.down4(p4), l5], dim=1))
        scales = [head(p, stride) for head, p, stride in zip(self.heads, (p3, p4, p5), STRIDES, strict=True)]
        classes, objectness, boxes = (torch.cat(parts, dim=1) for parts in zip(*scales, strict=True))
        return YoloxFeatures((p3, p4, p5), Detections(classes, objectness, boxes))


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")
