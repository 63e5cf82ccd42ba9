"""A small plain convolutional backbone, trained from nothing: for tests and for experiments without any
initialization.
"""

import torch
from torch import Tensor, nn

from refseg.models.backbones.detections import Detections
from refseg.models.backbones.features import Backbone, BackboneFeatures
from refseg.models.layers.precision import at_least_float32


class PlainBackbone(Backbone):
    """Four stages of strided 3x3 convolutions with group normalization; stride 16 levels, details at strides 8 and 4.

    images (B, 3, S, S) in 0..1 -> levels of (2w, 4w, 4w) channels at S/16 (the third with twice the receptive field),
    and a stand-in for a detector, one box a position.
    """

    classes = 4

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        w = width
        self.stride4 = nn.Sequential(_stage(3, w, 2), _stage(w, w, 2))
        self.stride8 = _stage(w, 2 * w, 2)
        self.stride16 = _stage(2 * w, 2 * w, 2)
        self.deeper = _stage(2 * w, 4 * w, 1)
        self.context = _stage(4 * w, 4 * w, 1, dilation=2)
        self.level_channels = (2 * w, 4 * w, 4 * w)
        self.detail_channels = (2 * w, w)
        self.appearance_channels = (4 * w,)

    def forward(self, images: Tensor) -> BackboneFeatures:
        fine = self.stride4(images * 2 - 1)
        middle = self.stride8(fine)
        first = self.stride16(middle)
        second = self.deeper(first)
        third = self.context(second)
        return BackboneFeatures((first, second, third), (middle, fine), self._detect(third, images.shape[-1]), (third,))

    def _detect(self, features: Tensor, size: int) -> Detections:
        """A box of half the image's side about each position; its first channels are class and objectness."""
        channels = features.flatten(2).transpose(1, 2)  # (B, P, 4w)
        h, w = features.shape[-2:]
        down, across = torch.meshgrid(
            torch.arange(h, device=features.device), torch.arange(w, device=features.device), indexing="ij"
        )
        centre = (torch.stack([across, down], dim=-1).flatten(0, 1) + 0.5) * (size / w)
        boxes = torch.cat([centre - size / 4, centre + size / 4], dim=-1).to(at_least_float32(features).dtype)
        return Detections(
            channels[..., : self.classes], channels[..., self.classes], boxes.expand(len(features), -1, -1)
        )


def _stage(inputs: int, outputs: int, stride: int, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=dilation, dilation=dilation, bias=False),
        nn.GroupNorm(4, outputs),
        nn.ReLU(),
    )
