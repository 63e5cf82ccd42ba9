"""What the phases minimise, and which parts of the network learn from it."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
import torch

from refseg.data.batches import TrainingBatch, TrainingSampler
from refseg.models.compact import CompactConfig, CompactSystem
from refseg.training.losses import LossWeights
from refseg.training.objectives import ExpressionObjective, InstanceObjective

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
def network() -> CompactSystem:
    torch.manual_seed(0)
    return CompactSystem(CompactConfig.tiny(), 10)


def taught(network: CompactSystem, task: Any, objects: int = 1) -> tuple[dict[str, float], Callable[[str], bool]]:
    """The figures of one step without the optimizer's, and which modules it has gradients for that are not zero."""
    loss, figures = task.loss(network, batch(objects))
    loss.backward()

    def learns(part: str) -> bool:
        parameters = network.get_submodule(part).parameters()
        return any(parameter.grad is not None and bool(parameter.grad.any()) for parameter in parameters)

    return {name: value.item() for name, value in figures.items()}, learns


def test_without_regions_the_dense_answer_is_trained_by_itself(network: CompactSystem) -> None:
    """The presence score alone reads the choice among the regions, so the choice learns from its loss and from no
    other.
    """
    figures, learns = taught(network, ExpressionObjective(NOWHERE, LossWeights(), regions=False))
    assert "selection" not in figures and "instances" not in figures
    assert learns("dense.attention") and learns("branch.presence") and learns("branch.selection")
    assert not learns("branch.instances") and not learns("branch.gate") and not learns("branch.number")


def test_without_regions_and_presence_the_choice_learns_nothing(network: CompactSystem) -> None:
    _, learns = taught(network, ExpressionObjective(NOWHERE, LossWeights(presence=0.0), regions=False))
    assert (
        learns("dense.attention")
        and not learns("branch.selection")
        and not learns("branch.instances")
        and not learns("branch.gate")
    )


def test_with_regions_everything_learns(network: CompactSystem) -> None:
    figures, learns = taught(network, ExpressionObjective(NOWHERE, LossWeights(), regions=True))
    assert "selection" in figures and "instances" in figures
    assert all(
        learns(part)
        for part in ("dense.attention", *(f"branch.{one}" for one in ("presence", "selection", "gate", "number")))
    )


@pytest.mark.parametrize("regions", [True, False])
def test_pictures_without_objects(network: CompactSystem, regions: bool) -> None:
    figures, _ = taught(network, ExpressionObjective(NOWHERE, LossWeights(), regions), objects=0)
    assert np.isfinite(figures["total"]) and figures.get("instances", 0) == 0


def test_instances(network: CompactSystem) -> None:
    figures, learns = taught(network, InstanceObjective(NOWHERE), objects=2)
    assert figures["total"] > 0 and learns("branch.instances") and not learns("dense.attention")


def test_instances_of_pictures_without_objects(network: CompactSystem) -> None:
    figures, learns = taught(network, InstanceObjective(NOWHERE), objects=0)
    assert figures["total"] == 0 and not learns("branch.instances")
