"""Reading a clip with a system that reads images only."""

from typing import Any

import torch
from torch import Tensor

from refseg.models.system import Encoded, WindowEncoding


class StillReader:
    """See `ClipReader`: each frame independently."""

    tau = 0

    def __init__(self, system: Any) -> None:
        self._system = system

    def read(self, images: Tensor, windows: Tensor) -> Encoded:
        """The frame, encoded."""
        return self._system.encode(images, windows)

    def read_features(self, features: Any) -> Encoded:
        """The same from the backbone's features on."""
        return self._system.encode_features(features)

    def push(self, frame: Encoded) -> None:
        """Nothing: no frame waits for another."""

    def encode(self, frame: Encoded, target: int, first: int, last: int) -> WindowEncoding:
        """The frame as it is; frames of a wider window would count the same."""
        count = last - first + 1
        return WindowEncoding(frame, torch.full((1, count), 1 / count, device=_device_of(frame)))


def _device_of(encoded: Encoded) -> torch.device:
    """Of the first tensor in nested tuples."""
    if isinstance(encoded, Tensor):
        return encoded.device
    return next(_device_of(part) for part in encoded if isinstance(part, Tensor | tuple))
