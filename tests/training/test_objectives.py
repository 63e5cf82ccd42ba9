"""What the phases minimise, and which parts of the network learn from it."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
import torch

from refseg.data.batches import TrainingBatch, TrainingSampler
from refseg.models.cmsa.config import NetworkConfig
from refseg.models.cmsa.network import ReferringNetwork
from refseg.training.losses import LossWeights
from refseg.training.objectives import ExpressionTask, InstanceTask

SIZE, CELLS = 64, 16
NOWHERE = cast(TrainingSampler, None)  # the batches are made here


def batch(objects: int) -> TrainingBatch:
    """Two pictures, an expression about each, and this many objects of the second one."""
    rng = np.random.default_rng(0)
    masks = np.zeros((2, CELLS, CELLS), np.uint8)
    masks[:, 4:12, 4:12] = 255
    return TrainingBatch(
        images=rng.integers(0, 256, (2, SIZE, SIZE, 3), dtype=np.uint8),
        tokens=rng.integers(2, 9, (2, 3)),
        valid=np.ones((2, 3), bool),
        image_index=np.arange(2),
        masks=masks,
        inside=np.ones((2, CELLS, CELLS), bool),
        windows=np.tile(np.array([0, 0, SIZE, SIZE], np.float32), (2, 1)),
        instances=masks[:1].repeat(objects, axis=0),
        instance_index=np.ones(objects, np.int64),
        boxes=np.tile(np.array([16, 16, 48, 48], np.float32), (2, 1, 1)),
        kinds=["natural"] * 2,
        texts=[""] * 2,
    )


@pytest.fixture
def network() -> ReferringNetwork:
    torch.manual_seed(0)
    return ReferringNetwork(NetworkConfig.tiny(), 10)


def taught(network: ReferringNetwork, task: Any, objects: int = 1) -> tuple[dict[str, float], Callable[[str], bool]]:
    """The figures of one step without the optimiser's, and which modules it has gradients for that are not zero."""
    loss, figures = task.loss(network, batch(objects))
    loss.backward()

    def learns(part: str) -> bool:
        parameters = network.get_submodule(part).parameters()
        return any(parameter.grad is not None and bool(parameter.grad.any()) for parameter in parameters)

    return {name: value.item() for name, value in figures.items()}, learns


def test_without_regions_the_dense_answer_is_trained_by_itself(network: ReferringNetwork) -> None:
    """The presence score alone reads the choice among the regions, so the choice learns from its loss and from no other."""
    figures, learns = taught(network, ExpressionTask(NOWHERE, LossWeights(), regions=False))
    assert "selection" not in figures and "instances" not in figures
    assert learns("attention") and learns("presence") and learns("selection")
    assert not learns("instances") and not learns("gate") and not learns("number")


def test_without_regions_and_presence_the_choice_learns_nothing(network: ReferringNetwork) -> None:
    _, learns = taught(network, ExpressionTask(NOWHERE, LossWeights(presence=0.0), regions=False))
    assert learns("attention") and not learns("selection") and not learns("instances") and not learns("gate")


def test_with_regions_everything_learns(network: ReferringNetwork) -> None:
    figures, learns = taught(network, ExpressionTask(NOWHERE, LossWeights(), regions=True))
    assert "selection" in figures and "instances" in figures
    assert all(learns(part) for part in ("attention", "presence", "selection", "gate", "number"))


@pytest.mark.parametrize("regions", [True, False])
def test_pictures_without_objects(network: ReferringNetwork, regions: bool) -> None:
    figures, _ = taught(network, ExpressionTask(NOWHERE, LossWeights(), regions), objects=0)
    assert np.isfinite(figures["total"]) and figures.get("instances", 0) == 0


def test_instances(network: ReferringNetwork) -> None:
    figures, learns = taught(network, InstanceTask(NOWHERE), objects=2)
    assert figures["total"] > 0 and learns("instances") and not learns("attention")


def test_instances_of_pictures_without_objects(network: ReferringNetwork) -> None:
    figures, learns = taught(network, InstanceTask(NOWHERE), objects=0)
    assert figures["total"] == 0 and not learns("instances")
