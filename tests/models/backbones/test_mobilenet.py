"""DeepLab-MobileNetV2: "SAME" padding by its formula, and the strides of what it returns."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from refseg.models.backbones.mobilenet import DeepLabMobileNetV2, InvertedResidual, SameConv2d


@settings(max_examples=40, deadline=None)
@given(
    size=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 3),
)
def test_same_padding(size: tuple[int, int], kernel: int, stride: int, dilation: int) -> None:
    torch.manual_seed(0)
    conv, x = SameConv2d(2, 3, kernel, stride=stride, dilation=dilation), torch.randn(1, 2, *size)
    margins = []
    for length in reversed(size):
        total = max((math.ceil(length / stride) - 1) * stride + (kernel - 1) * dilation + 1 - length, 0)
        margins += [total // 2, total - total // 2]  # the odd pixel at the end
    with torch.no_grad():
        expected = F.conv2d(F.pad(x, margins), conv.weight, conv.bias, stride, 0, dilation)
        assert expected.shape[-2:] == tuple(math.ceil(length / stride) for length in size)
        torch.testing.assert_close(conv(x), expected)


def test_an_even_picture_is_padded_at_the_end_only() -> None:
    conv = SameConv2d(1, 1, 3, stride=2, bias=False)
    with torch.no_grad():
        conv.weight.fill_(1)
        # 4 pixels, stride 2: windows 0..2 and 2..4, the last pixel being padding
        assert conv(torch.ones(1, 1, 4, 4)).tolist() == [[[[9.0, 6.0], [6.0, 4.0]]]]


@pytest.mark.parametrize(("output_stride", "size"), [(16, 64), (16, 65), (32, 64)])
def test_output_strides(output_stride: int, size: int) -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        features = DeepLabMobileNetV2(output_stride)(torch.rand(1, 3, size, size) * 2 - 1)
    for part, channels, stride in zip(features, (24, 32, 256), (4, 8, output_stride), strict=True):
        assert part.shape == (1, channels, math.ceil(size / stride), math.ceil(size / stride))


def test_beyond_the_output_stride_strides_become_dilation() -> None:
    blocks = DeepLabMobileNetV2(16).blocks
    assert [block.depthwise.stride[0] for block in blocks].count(2) == 3  # with the stem 2^4
    dilations = [block.depthwise.dilation[0] for block in blocks]
    # the block that would have halved the map still reads it undilated
    assert dilations == [1] * 14 + [2] * 3


def test_identity_only_between_equal_shapes() -> None:
    for block in DeepLabMobileNetV2(16).blocks:
        same = (
            block.depthwise.stride[0] == 1
            and block.project.out_channels == (block.expand or block.depthwise).in_channels
        )
        assert block.identity == same


def test_identity_adds_the_input() -> None:
    torch.manual_seed(0)
    block, x = InvertedResidual(4, 4, 6, stride=1, dilation=1, identity=True), torch.randn(1, 4, 5, 5)
    with torch.no_grad():
        with_it = block(x)
        block.identity = False
        torch.testing.assert_close(with_it, block(x) + x)
