"""What a dense detector predicts."""

from typing import NamedTuple

from torch import Tensor


class Detections(NamedTuple):
    """Dense predictions: class logits (B, A, C), objectness logits (B, A), boxes (B, A, 4) as x1 y1 x2 y2 in pixels of
    the image.
    """

    classes: Tensor
    objectness: Tensor
    boxes: Tensor


def take_rows(values: Tensor, order: Tensor) -> Tensor:
    """Rows `order` (B, N) of values (B, A, C)."""
    return values.gather(1, order.unsqueeze(-1).expand(-1, -1, values.shape[-1]))
