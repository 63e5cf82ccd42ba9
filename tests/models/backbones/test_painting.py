"""Painted detections against a loop over positions and boxes."""

import math

import pytest
import torch
from torch import Tensor

from refseg.models.backbones.painting import DetectionPainting
from refseg.models.backbones.yolox import CLASSES, Detections

SIZE, GRID = 64, 4


def detections(count: int = 6, batch: int = 2, seed: int = 0) -> Detections:
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(batch, count, 2, generator=generator) * 50 - 10
    extent = torch.rand(batch, count, 2, generator=generator) * 40 + 1
    return Detections(
        classes=torch.randn(batch, count, CLASSES, generator=generator),
        objectness=torch.randn(batch, count, generator=generator) * 2,
        boxes=torch.cat([corner, corner + extent], dim=-1),
    )


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def naive(painting: DetectionPainting, given: Detections, image: int, keep: int) -> Tensor:
    """One picture: the definition in the docstring, position by position."""
    boxes = []
    for classes, objectness, box in zip(
        given.classes[image], given.objectness[image].tolist(), given.boxes[image].tolist(), strict=True
    ):
        probability = classes.sigmoid() * sigmoid(objectness)
        score = probability.max().item()
        x1, y1, x2, y2 = (min(max(edge / SIZE, 0.0), 1.0) for edge in box)
        width, height = max(x2 - x1, 1e-3), max(y2 - y1, 1e-3)
        geometry = torch.tensor([x1 + x2 - 1, y1 + y2 - 1, width, height, math.log(width * height) / 4, score])
        boxes.append((score, box, torch.cat([painting.names.weight @ probability / score, geometry])))
    boxes = sorted(boxes, key=lambda entry: -entry[0])[:keep]
    painted = torch.zeros(painting.channels, GRID, GRID)
    for row in range(GRID):
        for column in range(GRID):
            x, y = (column + 0.5) * SIZE / GRID, (row + 0.5) * SIZE / GRID
            inside = [
                score
                * math.prod(sigmoid(distance / painting.softness) for distance in (x - x1, x2 - x, y - y1, y2 - y))
                for score, (x1, y1, x2, y2), _ in boxes
            ]
            for weight, (_, _, thing) in zip(inside, boxes, strict=True):
                painted[:, row, column] += weight / (sum(inside) + painting.floor) * thing
    return painted


@pytest.mark.parametrize("keep", [100, 3])
def test_equals_the_loop_over_positions_and_boxes(keep: int) -> None:
    torch.manual_seed(0)
    painting, given = DetectionPainting(5, count=keep), detections()
    with torch.no_grad():
        painted = painting(given, SIZE, GRID)
        assert painted.shape == (2, 5 + 6, GRID, GRID) and painting.channels == 11
        for image in range(2):
            torch.testing.assert_close(painted[image], naive(painting, given, image, keep), rtol=1e-4, atol=1e-5)


def test_a_sure_detection_paints_its_name_inside_its_box_and_nowhere_else() -> None:
    torch.manual_seed(0)
    painting = DetectionPainting(5)
    classes = torch.full((1, 1, CLASSES), -30.0)
    classes[0, 0, 16] = 30
    given = Detections(classes, torch.full((1, 1), 30.0), torch.tensor([[[0.0, 0.0, 640.0, 320.0]]]))
    with torch.no_grad():
        painted = painting(given, 640, 10)[0]
    # the box's share of the weight against the floor: 1 / 1.1
    torch.testing.assert_close(painted[:5, 2, 5] * 1.1, painting.names.weight[:, 16], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(
        painted[5:, 2, 5] * 1.1, torch.tensor([0.0, -0.5, 1.0, 0.5, math.log(0.5) / 4, 1.0]), rtol=1e-3, atol=1e-4
    )
    assert painted[:, 7:].abs().max() < 1e-3


def test_gradients_reach_scores_boxes_and_names() -> None:
    torch.manual_seed(0)
    painting, given = DetectionPainting(5), detections()
    inputs = [part.requires_grad_() for part in given]
    painted = painting(Detections(*inputs), SIZE, GRID)
    (painted * torch.randn_like(painted)).sum().backward()
    for name, value in zip(("classes", "objectness", "boxes", "names"), (*inputs, painting.names.weight), strict=True):
        assert value.grad is not None and value.grad.isfinite().all() and value.grad.any(), name


def test_no_detection_at_all_paints_next_to_nothing() -> None:
    given = detections()
    given = given._replace(objectness=torch.full_like(given.objectness, -100.0))
    assert DetectionPainting(5)(given, SIZE, GRID).abs().max() < 1e-3


def test_half_precision_detections_are_painted_in_float32() -> None:
    torch.manual_seed(0)
    painting, given = DetectionPainting(5), detections()
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        painted = painting(Detections(*(part.bfloat16() for part in given)), SIZE, GRID)
    assert painted.dtype == torch.float32
