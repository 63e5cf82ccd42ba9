"""Eq. 8 and the Dice loss against loops over cells."""

import math

import pytest
import torch
from torch import Tensor

from refseg.models.layers.losses import dice_loss, mask_losses
from refseg.models.regions.losses import presence_loss
from refseg.models.system import Targets


def targets(masks: Tensor, inside: Tensor) -> Targets:
    nothing = torch.zeros(0)
    return Targets(masks, inside, nothing, nothing, nothing, 4 * masks.shape[-1])


def case(count: int = 3, size: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, soft targets and the cells of the image (a letterboxed one: rows above and below are border)."""
    torch.manual_seed(0)
    inside = torch.ones(count, size, size, dtype=torch.bool)
    inside[:, 0] = False
    inside[1, -1] = False
    return torch.randn(count, size, size), torch.rand(count, size, size), inside


def cells(logits: Tensor, target: Tensor, inside: Tensor) -> list[tuple[float, float]]:
    """(probability, target) of the cells inside, of one expression."""
    return [(1 / (1 + math.exp(-x)), t) for x, t in zip(logits[inside].tolist(), target[inside].tolist(), strict=True)]


@pytest.mark.parametrize("border", [False, True])
def test_terms_equal_loops_over_the_cells(border: bool) -> None:
    logits, target, inside = case()
    losses = mask_losses(logits, targets(target, inside), border)
    entropies, regions = [], []
    for k in range(3):
        pairs = cells(logits[k], target[k], inside[k] | border)
        entropies.append(sum(-t * math.log(p) - (1 - t) * math.log(1 - p) for p, t in pairs) / len(pairs))
        regions.append(1 - (2 * sum(p * t for p, t in pairs) + 1) / (sum(p + t for p, t in pairs) + 1))
    assert losses["cross_entropy"].item() == pytest.approx(sum(entropies) / 3, rel=1e-5)
    assert losses["dice"].item() == pytest.approx(sum(regions) / 3, rel=1e-5)


def test_without_border_its_cells_get_no_gradient() -> None:
    logits, target, inside = case()
    logits.requires_grad_()
    sum(mask_losses(logits, targets(target, inside)).values()).backward()
    assert logits.grad is not None
    assert not logits.grad[~inside].any() and logits.grad[inside].all()


def test_expressions_without_target_count_for_entropy_and_not_for_dice() -> None:
    logits, target, inside = case()
    target[1] = 0
    losses, present = (
        mask_losses(logits, targets(target, inside)),
        mask_losses(logits[[0, 2]], targets(target[[0, 2]], inside[[0, 2]])),
    )
    torch.testing.assert_close(losses["dice"], present["dice"])
    assert not torch.isclose(losses["cross_entropy"], present["cross_entropy"])


def test_no_target_in_the_whole_batch_stays_finite() -> None:
    logits, target, inside = case()
    logits.requires_grad_()
    losses = mask_losses(logits, targets(torch.zeros_like(target), inside))
    sum(losses.values()).backward()
    assert losses["dice"].item() == 0 and losses["cross_entropy"].isfinite()
    assert logits.grad is not None and logits.grad.isfinite().all()


def test_logits_are_enlarged_to_the_grid_of_the_target() -> None:
    _, target, inside = case(size=8)
    constant = torch.tensor([-2.0, 0.0, 1.0])[:, None, None]
    coarse, fine = (mask_losses(constant.expand(3, size, size), targets(target, inside)) for size in (2, 8))
    torch.testing.assert_close(coarse, fine)


def test_half_precision_logits_are_summed_in_float32() -> None:
    logits, target, inside = case(size=8)
    half = mask_losses(logits.bfloat16(), targets(target, inside))
    assert {term.dtype for term in half.values()} == {torch.float32}
    torch.testing.assert_close(half, mask_losses(logits, targets(target, inside)), rtol=0.01, atol=0.01)


def test_dice_separates_right_from_wrong() -> None:
    target = torch.zeros(1, 20, 20)
    target[:, :5] = 1
    assert dice_loss(target, target).item() == pytest.approx(0)
    assert dice_loss(1 - target, target).item() == pytest.approx(1 - 1 / 401)
    assert dice_loss(0.5 * target, target).item() == pytest.approx(1 - 101 / 151)


def test_presence_is_whether_there_is_a_target() -> None:
    masks = torch.ones(3, 2, 2)
    masks[1] = 0
    expected = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-1)) + math.log(1 + math.exp(-3))) / 3
    assert presence_loss(torch.tensor([2.0, -1.0, 3.0]), masks).item() == pytest.approx(expected, rel=1e-5)
