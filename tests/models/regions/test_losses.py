"""What the region branch minimises, against naive references."""

import math

import pytest
import torch

from refseg.models.regions.losses import (
    boxes_of_masks,
    instance_loss,
    matched_regions,
    number_loss,
    overlap_with,
    selection_loss,
)
from refseg.models.regions.selection import Selected

SIZE = 64


def selected(logits: list[list[float]], classes: int = 3) -> Selected:
    k, n = len(logits), len(logits[0]) - 1
    return Selected(torch.tensor(logits), torch.zeros(k, classes), torch.zeros(k, n, 4))


def test_overlap_is_the_best_over_the_objects_meant() -> None:
    regions = torch.tensor([[[0.0, 0.0, 10.0, 10.0], [20.0, 20.0, 30.0, 30.0], [50.0, 50.0, 60.0, 60.0]]])
    objects = torch.tensor([[[0.0, 0.0, 10.0, 10.0], [20.0, 20.0, 30.0, 40.0], [0.0, 0.0, 0.0, 0.0]]])
    torch.testing.assert_close(overlap_with(regions, objects), torch.tensor([[1.0, 0.5, 0.0]]))
    assert overlap_with(regions, torch.zeros(1, 0, 4)).tolist() == [[0, 0, 0]]


def test_the_choice_should_spread_by_squared_overlap() -> None:
    overlap = torch.tensor([[0.9, 0.6, 0.5]])
    target = torch.tensor([0.81, 0.36, 0, 0]) / 1.17
    logits = target.clamp_min(1e-9).log()
    entropy = -(target[:2] * target[:2].log()).sum()
    torch.testing.assert_close(selection_loss(selected([logits.tolist()]), overlap), entropy, rtol=1e-4, atol=1e-4)


def test_number_counts_the_objects_meant_and_leaves_out_what_is_not_there() -> None:
    count = torch.tensor([1, 2, 0])
    logits = torch.tensor([0.7, -0.3, 4.0])
    expected = (math.log(1 + math.exp(0.7)) + math.log(1 + math.exp(0.3))) / 2
    assert number_loss(logits, count).item() == pytest.approx(expected, rel=1e-5)
    assert number_loss(logits[2:], count[2:]).item() == 0


def test_nothing_found_means_none() -> None:
    sure = selection_loss(selected([[0.0, 0.0, 20.0]]), torch.tensor([[0.5, 0.2]]))
    assert sure < 1e-6
    assert selection_loss(selected([[20.0, 0.0, 0.0]]), torch.tensor([[0.5, 0.2]])) > 10


def test_the_category_counts_where_it_is_known() -> None:
    answer, overlap = selected([[9.0, 0.0], [9.0, 0.0]]), torch.tensor([[1.0], [1.0]])
    plain = selection_loss(answer, overlap)
    torch.testing.assert_close(selection_loss(answer, overlap, torch.tensor([-1, -1])), plain)
    torch.testing.assert_close(
        selection_loss(answer, overlap, torch.tensor([1, -1])), plain + 0.3 * torch.tensor(3.0).log()
    )


def test_boxes_of_masks() -> None:
    masks = torch.zeros(2, 16, 16)
    masks[0, 3:7, 5:12] = 1
    masks[1, 15, 0] = 0.6
    assert boxes_of_masks(masks, SIZE).tolist() == [[20, 12, 48, 28], [0, 60, 4, 64]]


def test_the_right_mask_costs_nothing_and_none_gives_zero() -> None:
    mask = torch.zeros(1, 16, 16)
    mask[0, 4:12, 4:12] = 1
    box = torch.tensor([[16.0, 16.0, 48.0, 48.0]])
    inside = (torch.arange(28) + 0.5) / 28 * 1.2 - 0.1  # of the box, which is enlarged by a fifth
    right = ((inside > 0) & (inside < 1)).float()
    logits = (torch.outer(right, right) * 2 - 1).unsqueeze(0) * 12
    assert instance_loss(logits / 4, box, mask, SIZE) < 0.6 < 2 < instance_loss(-logits / 4, box, mask, SIZE)
    assert instance_loss(logits[:0], box[:0], mask[:0], SIZE) == 0


def test_each_object_finds_its_candidate() -> None:
    regions = torch.tensor(
        [[[0.0, 0.0, 10.0, 10.0], [20.0, 20.0, 30.0, 30.0]], [[5.0, 5.0, 15.0, 15.0], [0.0, 0.0, 2.0, 2.0]]]
    )
    objects = torch.tensor([[20.0, 20.0, 30.0, 35.0], [5.0, 5.0, 15.0, 15.0]])
    which, iou = matched_regions(regions, objects, torch.tensor([0, 1]))
    assert which.tolist() == [1, 0] and iou.tolist() == pytest.approx([2 / 3, 1])
