"""Sizes of a network: the paper's, through JSON and back, and the impossible ones."""

import json

import pytest

from refseg.models.config import NetworkConfig


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
    ],
)
def test_impossible_settings_are_refused(change: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NetworkConfig.from_dict(NetworkConfig.tiny().to_dict() | change)
