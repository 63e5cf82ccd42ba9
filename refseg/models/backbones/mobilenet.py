"""DeepLabv3 on MobileNetV2: the segmenter that knows *where objects end* (batch normalization folded).

Architectures: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (CVPR 2018), with the
image-pooling branch of Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation" (2017).
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# expansion, channels, repeats, stride
INVERTED_RESIDUALS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class SegmenterFeatures(NamedTuple):
    """Maps at strides 4 (24 channels) and 8 (32 channels), and the pooled-context map (256 channels) at the output
    stride.
    """

    stride4: Tensor
    stride8: Tensor
    context: Tensor


class SameConv2d(nn.Conv2d):
    """A convolution padded so that the output has ceil(input / stride) positions, the odd pixel at the end
    (TensorFlow's "SAME").
    """

    def forward(self, x: Tensor) -> Tensor:
        (sh, sw), (dh, dw), (kh, kw) = self.stride, self.dilation, self.kernel_size
        h, w = x.shape[-2:]
        ph = max((-(-h // sh) - 1) * sh + (kh - 1) * dh + 1 - h, 0)
        pw = max((-(-w // sw) - 1) * sw + (kw - 1) * dw + 1 - w, 0)
        if ph % 2 == 0 and pw % 2 == 0:
            return F.conv2d(x, self.weight, self.bias, self.stride, (ph // 2, pw // 2), self.dilation, self.groups)
        padded = F.pad(x, (pw // 2, pw - pw // 2, ph // 2, ph - ph // 2))
        return F.conv2d(padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


class InvertedResidual(nn.Module):
    """Expand (1x1), filter (depthwise 3x3), project (1x1, linear); identity added where shapes allow it."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int, dilation: int, identity: bool) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.expand = nn.Conv2d(inputs, hidden, 1) if expansion > 1 else None
        self.depthwise = SameConv2d(hidden, hidden, 3, stride=stride, dilation=dilation, groups=hidden)
        self.project = nn.Conv2d(hidden, outputs, 1)
        self.identity = identity

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x if self.expand is None else F.relu6(self.expand(x), inplace=True)
        y = self.project(F.relu6(self.depthwise(y), inplace=True))
        return x + y if self.identity else y


class DeepLabMobileNetV2(nn.Module):
    """images (B, 3, S, S) *in -1..1* -> `SegmenterFeatures`; beyond `output_stride` strides become dilation."""

    stride4_channels, stride8_channels, context_channels = 24, 32, 256

    def __init__(self, output_stride: int = 16) -> None:
        super().__init__()
        self.stem = SameConv2d(3, 32, 3, stride=2)
        blocks: list[InvertedResidual] = []
        inputs, current, dilation = 32, 2, 1
        self.taps: dict[
            int, int
        ] = {}  # stride -> number of blocks after which the map has that stride for the last time
        for expansion, outputs, repeats, stride in INVERTED_RESIDUALS:
            for repeat in range(repeats):
                step, rate = (stride if repeat == 0 else 1), dilation
                if step == 2 and current == output_stride:
                    step, dilation = 1, dilation * 2
                elif step == 2:
                    self.taps[current] = len(blocks)
                    current *= 2
                blocks.append(InvertedResidual(inputs, outputs, expansion, step, rate, identity=repeat > 0))
                inputs = outputs
        self.blocks = nn.ModuleList(blocks)
        self.image_pooling = nn.Conv2d(320, 256, 1)
        self.aspp = nn.Conv2d(320, 256, 1)
        self.merge = nn.Conv2d(512, 256, 1)

    def forward(self, images: Tensor) -> SegmenterFeatures:
        x = F.relu6(self.stem(images))
        taps: dict[int, Tensor] = {}
        stride_after = {count: stride for stride, count in self.taps.items()}
        for index, block in enumerate(self.blocks):
            if index in stride_after:
                taps[stride_after[index]] = x
            x = block(x)
        pooled = F.relu(self.image_pooling(x.mean((2, 3), keepdim=True))).expand(-1, -1, *x.shape[2:])
        context = F.relu(self.merge(torch.cat([pooled, F.relu(self.aspp(x))], dim=1)))
        return SegmenterFeatures(taps[4], taps[8], context)
