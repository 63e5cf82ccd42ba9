"""What a dense detector predicts."""

from typing import NamedTuple

from torch import Tensor


class Detections(NamedTuple):
    """Dense predictions: class logits (B, A, C), objectness logits (B, A), boxes (B, A, 4) as x1 y1 x2 y2 in pixels of the picture."""

    classes: Tensor
    objectness: Tensor
    boxes: Tensor
