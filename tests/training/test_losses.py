"""Eq. 8 and its companions against loops over cells."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from refseg.models.cmsa.outputs import NetworkOutput
from refseg.training.losses import LossWeights, batch_iou, region_loss, segmentation_loss


def output(logits: Tensor, presence: Tensor | None = None) -> NetworkOutput:
    nothing = torch.empty(0)
    return NetworkOutput(logits, nothing, nothing, nothing, nothing, nothing, presence)


def case(count: int = 3, size: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, soft targets and the cells of the picture (a letterboxed one: rows above and below are border)."""
    torch.manual_seed(0)
    inside = torch.ones(count, size, size, dtype=torch.bool)
    inside[:, 0] = False
    inside[1, -1] = False
    return torch.randn(count, size, size), torch.rand(count, size, size), inside


def cells(logits: Tensor, target: Tensor, inside: Tensor) -> list[tuple[float, float]]:
    """(probability, target) of the cells inside, of one expression."""
    return [(1 / (1 + math.exp(-x)), t) for x, t in zip(logits[inside].tolist(), target[inside].tolist(), strict=True)]


def test_terms_equal_loops_over_the_cells() -> None:
    logits, target, inside = case()
    loss = segmentation_loss(output(logits), target, inside, LossWeights(cross_entropy=2, region=0.5, presence=7))
    entropies, regions = [], []
    for k in range(3):
        pairs = cells(logits[k], target[k], inside[k])
        entropies.append(sum(-t * math.log(p) - (1 - t) * math.log(1 - p) for p, t in pairs) / len(pairs))
        regions.append(1 - (2 * sum(p * t for p, t in pairs) + 1) / (sum(p + t for p, t in pairs) + 1))
    assert loss.cross_entropy.item() == pytest.approx(sum(entropies) / 3, rel=1e-5)
    assert loss.region.item() == pytest.approx(sum(regions) / 3, rel=1e-5)
    assert loss.presence.item() == 0
    assert loss.total.item() == pytest.approx(2 * sum(entropies) / 3 + 0.5 * sum(regions) / 3, rel=1e-5)


def test_the_papers_loss_is_cross_entropy_alone() -> None:
    logits, target, inside = case()
    loss = segmentation_loss(output(logits, torch.randn(3)), target, inside, LossWeights(region=0, presence=0))
    assert loss.total.item() == pytest.approx(loss.cross_entropy.item())


def test_the_border_of_the_letterbox_is_ignored() -> None:
    logits, target, inside = case()
    logits.requires_grad_()
    before = segmentation_loss(output(logits), target, inside, LossWeights())
    before.total.backward()
    assert logits.grad is not None
    assert not logits.grad[~inside].any() and logits.grad[inside].all()
    after = segmentation_loss(output(logits.detach() + 50 * ~inside), target, inside, LossWeights())
    torch.testing.assert_close(after.total, before.total.detach())


def test_things_that_are_not_there_count_for_entropy_and_presence_but_not_for_the_region() -> None:
    logits, target, inside = case()
    target[1] = 0
    weights = LossWeights()
    loss = segmentation_loss(output(logits, torch.tensor([2.0, -1.0, 3.0])), target, inside, weights)
    present = segmentation_loss(output(logits[[0, 2]]), target[[0, 2]], inside[[0, 2]], weights)
    torch.testing.assert_close(loss.region, present.region)
    expected = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-1)) + math.log(1 + math.exp(-3))) / 3
    assert loss.presence.item() == pytest.approx(expected, rel=1e-5)
    assert loss.total.item() == pytest.approx((loss.cross_entropy + loss.region + 0.1 * loss.presence).item(), rel=1e-5)


def test_nothing_present_in_the_whole_batch_stays_finite() -> None:
    logits, target, inside = case()
    logits.requires_grad_()
    loss = segmentation_loss(output(logits, torch.zeros(3)), torch.zeros_like(target), inside, LossWeights())
    loss.total.backward()
    assert loss.region.item() == 0 and loss.total.isfinite()
    assert logits.grad is not None and logits.grad.isfinite().all()


def test_logits_are_brought_to_the_grid_of_the_target() -> None:
    _, target, inside = case(size=8)
    constant = torch.tensor([-2.0, 0.0, 1.0])[:, None, None]
    coarse = segmentation_loss(output(constant.expand(3, 2, 2)), target, inside, LossWeights())
    fine = segmentation_loss(output(constant.expand(3, 8, 8)), target, inside, LossWeights())
    torch.testing.assert_close(coarse, fine)


def test_half_precision_logits_are_summed_in_float32() -> None:
    logits, target, inside = case(size=8)
    loss = segmentation_loss(output(logits.bfloat16(), torch.zeros(3, dtype=torch.bfloat16)), target, inside, LossWeights())
    assert {term.dtype for term in loss} == {torch.float32}
    torch.testing.assert_close(
        loss.total, segmentation_loss(output(logits, torch.zeros(3)), target, inside, LossWeights()).total, rtol=0.01, atol=0.01
    )


def test_region_loss_knows_right_from_wrong() -> None:
    target = torch.zeros(1, 20, 20)
    target[:, :5] = 1
    assert region_loss(target, target).item() == pytest.approx(0)
    assert region_loss(1 - target, target).item() == pytest.approx(1 - 1 / 401)
    assert region_loss(0.5 * target, target).item() == pytest.approx(1 - 101 / 151)


def test_batch_iou_counts_what_is_there() -> None:
    wanted = torch.zeros(3, 4, 4)
    wanted[0, :2], wanted[1, :, :2] = 1, 0.6
    logits = torch.full((3, 4, 4), -1.0)
    logits[0, :1] = 1  # half of what is wanted
    logits[1, :, :3] = 1  # all of it, and half as much again
    logits[2] = 1  # names nothing present: left out
    assert batch_iou(logits, wanted).item() == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert batch_iou(logits[2:], wanted[2:]).isnan()


def test_the_dense_answer_by_itself_counts_as_the_mixture_does() -> None:
    logits, target, inside = case()
    dense = torch.randn(3, 4, 4)
    weights = LossWeights(cross_entropy=2, region=0.5)
    mixed = segmentation_loss(output(logits), target, inside, weights)
    alone = segmentation_loss(output(dense), target, inside, weights)
    both = segmentation_loss(output(logits)._replace(dense=dense), target, inside, replace(weights, dense=3))
    torch.testing.assert_close(both.total, mixed.total + 3 * alone.total)
    assert both.cross_entropy == mixed.cross_entropy and both.region == mixed.region


def test_a_dense_answer_that_is_the_answer_does_not_count_twice() -> None:
    logits, target, inside = case()
    once = segmentation_loss(output(logits)._replace(dense=logits), target, inside, LossWeights())
    assert segmentation_loss(output(logits)._replace(dense=logits), target, inside, LossWeights(dense=3)).total == once.total
