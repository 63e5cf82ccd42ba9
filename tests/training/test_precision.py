"""Mixed precision: the same loss, nearly, and float32 where it matters."""

from typing import cast

import pytest
import torch

from refseg.data.batches import TrainingSampler
from refseg.models.compact import CompactConfig, CompactSystem
from refseg.training import precision
from refseg.training.losses import LossWeights
from refseg.training.objectives import ExpressionObjective
from tests.training.test_objectives import batch


def test_a_step_in_bfloat16_is_nearly_that_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = CompactSystem(CompactConfig.tiny(), 10).train()
    task = ExpressionObjective(cast(TrainingSampler, None), LossWeights(), regions=True)
    figures = {}
    for mixed in (False, True):
        monkeypatch.setattr(precision, "trains_in_bfloat16", lambda _, mixed=mixed: mixed)
        torch.manual_seed(0)
        loss, figures[mixed] = task.loss(network, batch(1))
        assert loss.dtype == torch.float32
        network.zero_grad()
        loss.backward()
        assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in network.parameters())
    for name, value in figures[False].items():
        assert figures[True][name].item() == pytest.approx(value.item(), rel=0.05, abs=0.02)
    assert figures[True]["total"].item() != figures[False]["total"].item()  # it is another arithmetic
