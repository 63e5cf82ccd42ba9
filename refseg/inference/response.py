"""The spatial response of a system: the strongest channel of its features."""

import math

import torch
from torch import Tensor

from refseg.letterbox import Letterbox


def strongest_channels(features: Tensor, letterbox: Letterbox) -> Tensor:
    """The channel of each feature map with the highest activation inside the image: features (K, C, h, w) -> (K, h, w).

    This is the spatial response the paper shows for the last feature map. The letterbox's border is
    ignored.
    """
    h, w = features.shape[-2:]
    inner_h, inner_w = letterbox.inner
    rows = _cells(letterbox.top, inner_h, h / letterbox.size)
    columns = _cells(letterbox.left, inner_w, w / letterbox.size)
    best = features[:, :, rows, columns].amax((2, 3)).argmax(1)  # (K,)
    return features[torch.arange(len(features), device=features.device), best]


def _cells(start: int, length: int, scale: float) -> slice:
    """Grid cells that the pixels start .. start + length touch."""
    return slice(math.floor(start * scale), math.ceil((start + length) * scale))
