"""Sizes of a network: the paper's, through JSON and back, and the impossible ones."""

import json
from dataclasses import replace
from typing import Literal

import pytest
import torch

from refseg.models.cmsa.config import NetworkConfig
from refseg.models.cmsa.network import _build_backbone


@pytest.mark.parametrize("config", [NetworkConfig.paper(), NetworkConfig.compact(), NetworkConfig.tiny()], ids=["paper", "compact", "tiny"])
def test_configurations_survive_json(config: NetworkConfig) -> None:
    assert NetworkConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_the_papers_sizes() -> None:
    config = NetworkConfig.paper()
    assert (config.image_size, config.max_words, config.embedding, config.width, config.channels) == (320, 20, 1000, 512, 500)
    assert (config.backbone, config.pooling) == ("resnet101", "attention")
    assert not (config.context or config.modulated or config.refinement or config.regions or config.presence)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"depth": 3}, "unknown network setting 'depth'; known ones are backbone"),
        ({"width": 0}, "width must be positive, got 0"),
        ({"image_size": 100}, "image_size must be divisible by 32, got 100"),
        ({"refinement": []}, "regions need a refinement to join, got regions 6"),
        ({"regions": 0}, "got number and no regions"),
        ({"backbone": "vgg"}, "backbone must be one of resnet101, pair, plain, got 'vgg'"),
        ({"regions": 17}, "regions must be at most the 16 detections of plain at image_size 64, got 17: choose fewer"),
        ({"backbone": "pair", "image_size": 32, "regions": 40}, "at most the 21 detections of pair at image_size 32, got 40"),
        ({"backbone": "resnet101"}, "at most the 0 detections of resnet101 at image_size 64, got 6"),
        (
            {"image_size": 96, "cross_frame": 8, "cross_frame_stride": 4},
            "cross_frame_stride must divide the 6 x 6 positions of image_size 96, got 4: choose another of the two",
        ),
    ],
)
def test_impossible_settings_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NetworkConfig.from_dict(NetworkConfig.tiny().to_dict() | change)


@pytest.mark.parametrize("backbone", ["resnet101", "pair", "plain"])
def test_the_grid_and_the_detections_are_those_of_the_backbone(backbone: Literal["resnet101", "pair", "plain"]) -> None:
    config = replace(NetworkConfig.tiny(), backbone=backbone, regions=0, number=False, refinement=())
    with torch.no_grad():
        seen = _build_backbone(config)(torch.zeros(1, 3, config.image_size, config.image_size))
    assert all(level.shape[-2:] == (config.grid, config.grid) for level in seen.levels)
    assert config.detections == (0 if seen.detections is None else seen.detections.boxes.shape[1])


def test_the_stride_matters_only_across_frames() -> None:
    assert replace(NetworkConfig.tiny(), image_size=96, cross_frame_stride=4).grid == 6
