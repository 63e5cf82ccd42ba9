"""The weighted total, and the IoU of a batch."""

import pytest
import torch

from refseg.training.losses import LossWeights, batch_iou, weighted_total

TERMS = {
    name: torch.tensor(value)
    for name, value in {"cross_entropy": 1.0, "dice": 2.0, "presence": 4.0, "own": 8.0}.items()
}


def test_terms_count_by_their_weights_and_those_of_other_names_fully() -> None:
    weights = LossWeights(cross_entropy=2, dice=0.5, presence=0.25)
    assert weighted_total(TERMS, weights).item() == 2 * 1 + 0.5 * 2 + 0.25 * 4 + 8


def test_the_papers_loss_is_cross_entropy_alone() -> None:
    terms = {name: term for name, term in TERMS.items() if name != "own"}
    assert weighted_total(terms, LossWeights(dice=0, presence=0)) == terms["cross_entropy"]


def test_the_dense_answer_by_itself_counts_as_the_mixture_does() -> None:
    weights = LossWeights(cross_entropy=2, dice=0.5, dense=3)
    dense = {"dense_cross_entropy": torch.tensor(1.0), "dense_dice": torch.tensor(2.0)}
    assert weighted_total(dense, weights).item() == 3 * (2 * 1 + 0.5 * 2)


def test_no_term_with_a_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="got the loss terms dice and no weight above 0"):
        weighted_total({"dice": torch.tensor(1.0)}, LossWeights(dice=0))


def test_batch_iou_counts_what_is_there() -> None:
    wanted = torch.zeros(3, 4, 4)
    wanted[0, :2], wanted[1, :, :2] = 1, 0.6
    logits = torch.full((3, 4, 4), -1.0)
    logits[0, :1] = 1  # half of what is wanted
    logits[1, :, :3] = 1  # all of it, and half as much again
    logits[2] = 1  # names nothing present: left out
    assert batch_iou(logits, wanted).item() == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert batch_iou(logits[2:], wanted[2:]).isnan()
