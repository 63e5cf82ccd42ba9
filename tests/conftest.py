"""Shared fixtures: a small vocabulary, an image, and a tiny network with its predictor."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from refseg.language import PAD_WORD, UNK_WORD, Vocabulary

if TYPE_CHECKING:
    from refseg.inference.predictor import Predictor
    from refseg.models.compact import CompactSystem

if "PYTEST_XDIST_WORKER" in os.environ:  # several workers share the processor
    os.environ.setdefault("OMP_NUM_THREADS", "1")

WORDS = (
    "the a of on in left right top red blue green dog cat person man woman car ball circle square and with holding"
    " umbrella t-shirt 's".split()
)


@pytest.fixture(scope="session")
def tiny_vocabulary() -> Vocabulary:
    return Vocabulary([PAD_WORD, UNK_WORD, *WORDS])


@pytest.fixture
def sample_image() -> NDArray[np.uint8]:
    """60 x 90: a gray ramp with a red disk on the left and a blue square on the right."""
    y, x = np.mgrid[:60, :90]
    image = np.repeat((80 + x)[:, :, None], 3, axis=2).astype(np.uint8)
    image[(y - 30) ** 2 + (x - 22) ** 2 < 15**2] = (220, 30, 30)
    image[18:42, 56:80] = (30, 40, 220)
    return image


@pytest.fixture(scope="session")
def tiny_network(tiny_vocabulary: Vocabulary) -> "CompactSystem":
    import torch

    from refseg.models.compact import CompactConfig, CompactSystem

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return CompactSystem(CompactConfig.tiny(), len(tiny_vocabulary)).eval()


@pytest.fixture(scope="session")
def tiny_predictor(tiny_network: "CompactSystem", tiny_vocabulary: Vocabulary) -> "Predictor":
    from refseg.inference.predictor import Predictor

    return Predictor(tiny_network, tiny_vocabulary, device="cpu", precision="float32", name="tiny")


@pytest.fixture(scope="session")
def tiny_checkpoint(
    tiny_network: "CompactSystem", tiny_vocabulary: Vocabulary, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Folder of a checkpoint of `tiny_network`. A test that changes it must copy it first."""
    from refseg.inference.checkpoint import save_checkpoint

    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_checkpoint(folder, tiny_network, tiny_vocabulary, {"recipe": "none", "steps": 0})
    return folder
