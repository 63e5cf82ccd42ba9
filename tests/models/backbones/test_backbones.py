"""What every backbone promises: channels as announced, one common grid, details at strides 8 and 4."""

import pytest
import torch
import torch.nn.functional as F

from refseg.models.backbones import Backbone, DetectorSegmenterPair, PlainBackbone

SIZE = 96


@pytest.fixture(scope="module")
def pair() -> DetectorSegmenterPair:
    torch.manual_seed(0)
    return DetectorSegmenterPair(name_channels=7).eval()


@pytest.fixture(scope="module")
def picture() -> torch.Tensor:
    return torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


def assert_as_announced(backbone: Backbone, images: torch.Tensor) -> None:
    with torch.no_grad():
        levels, details, *_ = backbone(images)
    assert [tuple(level.shape) for level in levels] == [
        (2, channels, SIZE // 16, SIZE // 16) for channels in backbone.level_channels
    ]
    assert [tuple(detail.shape) for detail in details] == [
        (2, channels, SIZE // stride, SIZE // stride)
        for channels, stride in zip(backbone.detail_channels, (8, 4), strict=True)
    ]


def test_the_pair_is_as_announced(pair: DetectorSegmenterPair, picture: torch.Tensor) -> None:
    assert_as_announced(pair, picture)


def test_the_plain_backbone_is_as_announced(picture: torch.Tensor) -> None:
    assert_as_announced(PlainBackbone(8), picture)


def test_each_half_of_the_pair_sees_colours_in_its_own_convention(
    pair: DetectorSegmenterPair, picture: torch.Tensor
) -> None:
    with torch.no_grad():
        levels, details, *_ = pair(picture)
        detected = pair.detector(picture[:, [2, 1, 0]] * 255)  # BGR in 0..255
        segmented = pair.segmenter(2 * picture - 1)  # RGB in -1..1
        p3, p4, p5 = detected.pan
        torch.testing.assert_close(levels[0], segmented.context)
        torch.testing.assert_close(levels[1], torch.cat([F.avg_pool2d(p3, 2), p4], dim=1))
        torch.testing.assert_close(details[1], segmented.stride4)
        # names start where `name_offset` says
        painted = pair.painting(detected.detections, SIZE, SIZE // 16)
        torch.testing.assert_close(levels[2][:, pair.name_offset :], painted)
        assert levels[2][:, : pair.name_offset].shape == (2, p5.shape[1], SIZE // 16, SIZE // 16)


def test_pictures_of_a_batch_do_not_see_each_other(pair: DetectorSegmenterPair, picture: torch.Tensor) -> None:
    with torch.no_grad():
        together, alone = pair(picture), pair(picture[1:])
    for one, other in zip((*together.levels, *together.details), (*alone.levels, *alone.details), strict=True):
        torch.testing.assert_close(one[1:], other, rtol=1e-4, atol=1e-4)
