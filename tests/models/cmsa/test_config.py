"""Settings of CMSA and of the compact system: the paper's, and impossible combinations."""

from dataclasses import replace
from typing import Literal

import pytest
import torch

from refseg.models.backbones import build_backbone
from refseg.models.cmsa.config import CmsaConfig
from refseg.models.compact import CompactConfig

ADDITIONS = (
    "visual",
    "context",
    "modulated",
    "refinement",
    "gains",
    "logit_scale",
    "mean_received",
    "biases",
    "padding",
)


def test_the_papers_settings_are_literal() -> None:
    config = CmsaConfig.paper()
    assert (config.image_size, config.max_words, config.embedding, config.width, config.channels) == (
        320,
        20,
        1000,
        512,
        500,
    )
    assert (config.backbone, config.pooling, config.grid) == ("resnet101", "attention", 40)
    assert config.level_channels == (512, 1024, 2048)
    assert not any(getattr(config, name) for name in ADDITIONS)
    assert config.loss_pixels == "square" and not config.cross_frame


def test_the_papers_settings_for_videos_add_the_frames_alone() -> None:
    config = CmsaConfig.paper_video()
    assert config == replace(CmsaConfig.paper(), cross_frame=512)
    assert 2 * config.tau + 1 == 11 and config.cross_frame_on == "backbone" and config.cross_frame_stride == 1
    assert not config.cross_frame_renormalized and not config.cross_frame_zero_start


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"depth": 3}, "'depth' is an unknown setting, expected some of backbone"),
        ({"width": 0}, "width is 0, expected a whole number from 1 to 4096"),
        ({"image_size": 100}, "image_size is 100, expected a whole number from 32 to 640 divisible by 32"),
        ({"refinement": []}, "regions need a refinement to join, got regions 6"),
        ({"regions": 0}, "regions is 0, expected a whole number from 1 to 200"),
        ({"backbone": "vgg"}, "backbone is 'vgg', expected one of resnet101, pair, plain"),
        ({"regions": 17}, "regions must be at most the 16 detections of plain at image_size 64, got 17: choose fewer"),
        (
            {"backbone": "pair", "image_size": 32, "regions": 40},
            "at most the 21 detections of pair at image_size 32, got 40",
        ),
        ({"backbone": "resnet101"}, "at most the 0 detections of resnet101 at image_size 64, got 6"),
        (
            {"image_size": 96, "cross_frame": 8, "cross_frame_stride": 4},
            "cross_frame_stride must divide the 6 x 6 positions of image_size 96, got 4: choose another of the two",
        ),
    ],
)
def test_impossible_settings_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CompactConfig.from_dict(CompactConfig.tiny().to_dict() | change)


@pytest.mark.parametrize("backbone", ["resnet101", "pair", "plain"])
@pytest.mark.parametrize("visual", [0, 24])
def test_sizes_are_those_of_the_backbone(backbone: Literal["resnet101", "pair", "plain"], visual: int) -> None:
    config = replace(CmsaConfig(), backbone=backbone, image_size=64, embedding=8, visual=visual)
    built = build_backbone(backbone, names=config.embedding, width=visual or 16)
    with torch.no_grad():
        features = built(torch.zeros(1, 3, config.image_size, config.image_size))
    assert all(level.shape[-2:] == (config.grid, config.grid) for level in features.levels)
    assert config.level_channels == ((visual,) * 3 if visual else built.level_channels)
    assert config.detections == (0 if features.detections is None else features.detections.boxes.shape[1])


def test_the_stride_matters_only_across_frames() -> None:
    assert replace(CompactConfig.tiny(), image_size=96, cross_frame_stride=4).grid == 6
