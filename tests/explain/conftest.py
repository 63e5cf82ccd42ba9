"""A tiny network that attends sharply: as initialised its attention is nearly flat, and flat numbers would agree with any other flat numbers."""

from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from refseg.language import Vocabulary

if TYPE_CHECKING:
    from refseg.inference.predictor import EncodedImage, Predictor


@pytest.fixture(scope="session")
def sharp_predictor(tiny_vocabulary: Vocabulary) -> "Predictor":
    import torch

    from refseg.inference.predictor import Predictor
    from refseg.models.cmsa.config import NetworkConfig
    from refseg.models.cmsa.network import ReferringNetwork

    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(5)
        network = ReferringNetwork(NetworkConfig.tiny(), len(tiny_vocabulary)).eval()
        for level in network.attention:
            level.scale.fill_(1.0)
        network.fusion.gamma.copy_(torch.randn(3))
        for gate in (*network.fusion.memory, *network.fusion.reset):
            gate.weight.mul_(3)
    return Predictor(network, tiny_vocabulary, device="cpu", precision="float32", name="sharp")


@pytest.fixture
def encoded(sharp_predictor: "Predictor", sample_image: NDArray[np.uint8]) -> "EncodedImage":
    return sharp_predictor.encode(sample_image)
