"""A tiny network that attends sharply: as initialised its attention is nearly flat, and flat numbers would agree with
any other flat numbers.
"""

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
    from refseg.models.compact import CompactConfig, CompactSystem

    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(5)
        network = CompactSystem(CompactConfig.tiny(), len(tiny_vocabulary)).eval()
        for level in network.dense.attention:
            level.scale.fill_(1.0)
        network.dense.fusion.gamma.copy_(torch.randn(3))
        for gate in (*network.dense.fusion.memory, *network.dense.fusion.reset):
            gate.weight.mul_(3)
    return Predictor(network, tiny_vocabulary, device="cpu", precision="float32", name="sharp")


@pytest.fixture
def encoded(sharp_predictor: "Predictor", sample_image: NDArray[np.uint8]) -> "EncodedImage":
    return sharp_predictor.encode(sample_image)
