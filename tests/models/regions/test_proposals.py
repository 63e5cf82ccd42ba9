"""Candidate regions: against naive references, and what their description says."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from refseg.models.backbones.detections import Detections
from refseg.models.regions.proposals import COLORS, GEOMETRY, describe_geometry, pairwise_iou, propose_regions

SIZE = 64


def random_boxes(count: int, seed: int) -> Tensor:
    corners = torch.rand(1, count, 2, 2, generator=torch.Generator().manual_seed(seed)) * SIZE
    return torch.cat([corners.amin(2), corners.amax(2) + 1], dim=-1).clamp(0, SIZE)


def naive_iou(a: Tensor, b: Tensor) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    common = float(max(width, 0) * max(height, 0))
    return common / (float((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])) - common)


@settings(deadline=None)
@given(seed=st.integers(0, 500))
def test_iou_of_all_pairs(seed: int) -> None:
    first, second = random_boxes(4, seed), random_boxes(3, seed + 1000)
    expected = torch.tensor([[naive_iou(a, b) for b in second[0]] for a in first[0]])
    torch.testing.assert_close(pairwise_iou(first, second)[0], expected, rtol=1e-4, atol=1e-5)


def detections(boxes: Tensor, scores: Tensor, classes: int = 3) -> Detections:
    """All of class 0, the others very unlikely; objectness certain."""
    logits = torch.full((*scores.shape, classes), -20.0)
    logits[..., 0] = torch.logit(scores)
    return Detections(logits, torch.full_like(scores, 20.0), boxes)


def naive_suppression(boxes: Tensor, scores: Tensor, count: int, overlap: float) -> list[int]:
    """Greedy; then the strongest suppressed ones."""
    kept: list[int] = []
    order = scores.argsort(descending=True).tolist()
    for index in order:
        if len(kept) < count and all(naive_iou(boxes[index], boxes[other]) <= overlap for other in kept):
            kept.append(index)
    return kept + [index for index in order if index not in kept][: count - len(kept)]


@settings(deadline=None)
@given(seed=st.integers(0, 300), count=st.integers(1, 12))
def test_proposals_are_those_of_greedy_suppression(seed: int, count: int) -> None:
    boxes = random_boxes(14, seed)
    scores = torch.rand(1, 14, generator=torch.Generator().manual_seed(seed)) * 0.9 + 0.05
    window = torch.tensor([[0.0, 0.0, SIZE, SIZE]])
    image = torch.rand(1, 3, SIZE, SIZE)
    regions = propose_regions(detections(boxes, scores), image, [torch.rand(1, 5, 4, 4)], window, count, overlap=0.4)
    expected = boxes[0][naive_suppression(boxes[0], scores[0], count, 0.4)]
    torch.testing.assert_close(regions.boxes[0], expected)
    assert regions.geometry.shape == (1, count, GEOMETRY) and regions.colors.shape == (1, count, COLORS)
    torch.testing.assert_close(regions.appearance.norm(dim=-1), torch.ones(1, count))


def test_boxes_are_cut_at_the_picture() -> None:
    boxes = torch.tensor([[[-5.0, 3.0, 80.0, 60.0]]])
    window = torch.tensor([[0.0, 16.0, 64.0, 48.0]])
    regions = propose_regions(
        detections(boxes, torch.tensor([[0.9]])), torch.rand(1, 3, SIZE, SIZE), [torch.rand(1, 2, 4, 4)], window, 1
    )
    assert regions.boxes[0, 0].tolist() == [0, 16, 64, 48]
    own = regions.geometry[0, 0]
    torch.testing.assert_close(
        own[:6], torch.tensor([-1.0, -1, 1, 1, 0, 0])
    )  # the whole picture, whatever the letterbox
    torch.testing.assert_close(own[6:8], torch.ones(2))


def test_too_few_detections() -> None:
    with pytest.raises(ValueError, match="got 1 detections, expected at least 5"):
        propose_regions(
            detections(torch.rand(1, 1, 4), torch.tensor([[0.5]])),
            torch.rand(1, 3, SIZE, SIZE),
            [],
            torch.zeros(1, 4),
            5,
        )


def test_standing_counts_the_others_of_the_same_class() -> None:
    places = torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9]) * SIZE
    boxes = torch.stack([places - 3, torch.full((5,), 20.0), places + 3, torch.full((5,), 26.0)], dim=-1).unsqueeze(0)
    classes = torch.zeros(1, 5, 2)
    classes[0, :4, 0], classes[0, 4, 1] = 1, 1  # four of one kind from left to right, one of another at the far right
    geometry = describe_geometry(boxes, classes, torch.ones(1, 5), torch.tensor([[0.0, 0.0, SIZE, SIZE]]))
    left_of, right_of = geometry[0, :, 19] * 3, geometry[0, :, 20] * 3
    assert left_of.round().tolist() == [0, 1, 2, 3, 0]
    assert right_of.round().tolist() == [3, 2, 1, 0, 0]
