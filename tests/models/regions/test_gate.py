"""The mixture of the two answers, and what its gate sees, against loops over positions."""

import math

import pytest
import torch

from refseg.models.regions.gate import AGREEMENT_CUES, GATE_CUES, agreement_cues, build_gate, gate_cues, mix_logits
from refseg.models.regions.selection import SIMILARITIES, Selected


def answers(count: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.randn(count, 4, 5) * 3, torch.rand(count, 4, 5)


def test_agreement_equals_loops_over_the_positions() -> None:
    dense, region = answers()
    cues = agreement_cues(dense, region)
    assert cues.shape == (3, AGREEMENT_CUES) and cues.min() >= 0 and cues.max() <= 1
    for k in range(3):
        pairs = [
            (1 / (1 + math.exp(-x)), m)
            for x, m in zip(dense[k].flatten().tolist(), region[k].flatten().tolist(), strict=True)
        ]
        marked, inside = sum(p for p, _ in pairs), sum(m for _, m in pairs)
        confirmed, sure = sum(p * m for p, m in pairs) / inside, sum(p * p for p, _ in pairs) / marked
        assert cues[k].tolist() == pytest.approx(
            [confirmed, sure, sum(p * (1 - m) for p, m in pairs) / marked], abs=1e-5
        )


@pytest.mark.parametrize(
    ("dense", "region", "expected"), [(20.0, 1.0, [1, 1, 0]), (20.0, 0.0, [0, 1, 1]), (-20.0, 1.0, [0, 0, 0])]
)
def test_agreement_of_the_sure(dense: float, region: float, expected: list[float]) -> None:
    cues = agreement_cues(torch.full((1, 4, 4), dense), torch.full((1, 4, 4), region))
    assert cues[0].tolist() == pytest.approx(expected, abs=1e-4)


def test_the_gate_moves_neither_answer_through_its_cues() -> None:
    dense, region = answers()
    selected = Selected(torch.randn(3, 5), torch.zeros(3, 2), torch.zeros(3, 4, SIMILARITIES))
    cues = gate_cues(selected, dense.requires_grad_(), region.requires_grad_())
    assert cues.shape == (3, GATE_CUES) and not cues.requires_grad


def test_the_mixture_at_its_ends() -> None:
    dense, region = answers(2)
    mixed = mix_logits(dense, region, torch.tensor([0.0, 1.0]), torch.tensor(5.0))
    torch.testing.assert_close(mixed[0], dense[0])
    torch.testing.assert_close(mixed[1], 10 * region[1] - 5)


def test_a_new_gate_goes_by_best_against_none() -> None:
    def gate(best: float, none: float) -> float:
        selected = Selected(torch.tensor([[best, -9.0, none]]), torch.zeros(1, 2), torch.zeros(1, 2, SIMILARITIES))
        return build_gate()(gate_cues(selected, *answers(1))).sigmoid().item()

    assert gate(2.0, 0.5) == pytest.approx(1 / (1 + math.exp(-1.5)), rel=1e-4)
    assert gate(0.5, 2.0) == pytest.approx(1 / (1 + math.exp(1.5)), rel=1e-4)
