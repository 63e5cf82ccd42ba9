"""Choices linked over frames, against a loop that follows every region by hand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from refseg.models.regions.linking import LINKED, link_choices
from refseg.models.regions.proposals import pairwise_iou


def naive(boxes: list[Tensor], logits: list[Tensor], target: int, weights: Tensor) -> Tensor:
    result = torch.zeros_like(logits[target])
    spoken = [one.log_softmax(1) for one in logits]
    for k in range(len(logits[target])):
        for region in range(len(boxes[target])):
            total, mass = weights[target] * spoken[target][k, region], weights[target].clone()
            for frames in (range(target - 1, -1, -1), range(target + 1, len(boxes))):
                box, trust = boxes[target][region], 1.0
                for t in frames:
                    overlaps = pairwise_iou(box[None], boxes[t])[0]
                    here = int(overlaps.argmax())
                    if overlaps[here] < LINKED:
                        break
                    box, trust = boxes[t][here], trust * float(overlaps[here])
                    total, mass = total + trust * weights[t] * spoken[t][k, here], mass + trust * weights[t]
            result[k, region] = total / mass
        result[k, -1] = sum(weights[t] * spoken[t][k, -1] for t in range(len(boxes))) / weights.sum()
    return result + logits[target].logsumexp(1, keepdim=True)


def drifting(frames: int, regions: int, seed: int, step: float) -> list[Tensor]:
    """Boxes that wander, in another order in each frame."""
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(regions, 2, generator=generator, dtype=torch.float64) * 80
    boxes = []
    for _ in range(frames):
        corner = corner + step * torch.randn(regions, 2, generator=generator, dtype=torch.float64)
        order = torch.randperm(regions, generator=generator)
        boxes.append(torch.cat([corner, corner + 20], dim=1)[order])
    return boxes


@settings(deadline=None, max_examples=40)
@given(
    frames=st.integers(1, 5),
    regions=st.integers(1, 5),
    seed=st.integers(0, 999),
    step=st.sampled_from([0.0, 3.0, 12.0]),
    data=st.data(),
)
def test_equals_following_each_region(frames: int, regions: int, seed: int, step: float, data: st.DataObject) -> None:
    torch.manual_seed(seed)
    boxes = drifting(frames, regions, seed, step)
    logits = [torch.randn(2, regions + 1, dtype=torch.float64) for _ in range(frames)]
    weights = torch.rand(frames, dtype=torch.float64) + 0.1
    target = data.draw(st.integers(0, frames - 1))
    torch.testing.assert_close(link_choices(boxes, logits, target, weights), naive(boxes, logits, target, weights))


def test_one_frames_slip_does_not_win() -> None:
    left, right = [0.0, 0.0, 20.0, 20.0], [60.0, 0.0, 80.0, 20.0]
    boxes = [torch.tensor([left, right]), torch.tensor([right, left]), torch.tensor([left, right])]
    sure_left = torch.tensor([[4.0, 0.0, -4.0]])
    slip = torch.tensor([[1.0, 0.0, -4.0]])  # of the second frame, whose first region is the right one
    linked = link_choices(boxes, [sure_left, slip, sure_left], 1, torch.full((3,), 1 / 3))
    assert slip.argmax(1).item() == 0 and linked.argmax(1).item() == 1


def test_a_single_frame_keeps_its_choice() -> None:
    logits = torch.randn(3, 5)
    linked = link_choices([torch.rand(4, 4)], [logits], 0, torch.ones(1))
    torch.testing.assert_close(linked, logits)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_types_give_single_precision(dtype: torch.dtype) -> None:
    linked = link_choices([torch.rand(2, 4)], [torch.randn(1, 3, dtype=dtype)], 0, torch.ones(1))
    assert linked.dtype == torch.float32
