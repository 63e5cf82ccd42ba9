"""Multimodal features, Eq. 1: the visual, the word and the spatial part of f_pn = [v_p/|v_p| ; e_n/|e_n| ; s_p].

The paper concatenates plain unit vectors. A unit vector of C channels has entries of about 1/sqrt(C), so untrained
attention logits are nearly flat and training is slow. With `gain` each part is multiplied by a learnable factor,
initially sqrt(C): [g_v v_p/|v_p| ; g_e e_n/|e_n| ; s_p]. That is a deviation from the paper, see docs/deviations.md.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refseg.models.layers.precision import at_least_float32
from refseg.models.layers.text import read_in_context

COORDINATES = 8


def coordinate_features(height: int, width: int, device: torch.device | str | None = None) -> Tensor:
    """The 8-D spatial feature s_p of every position (Sec. 3.1), shape (height * width, 8).

    Left, top, right and bottom edge and the center x, y of the cell, from -1 to 1 over the feature map, then 1/width
    and 1/height.
    """
    x = torch.linspace(-1, 1, width + 1, device=device)
    y = torch.linspace(-1, 1, height + 1, device=device)
    left, right = x[:-1].expand(height, -1), x[1:].expand(height, -1)
    top, bottom = y[:-1, None].expand(-1, width), y[1:, None].expand(-1, width)
    across, down = torch.full_like(left, 1 / width), torch.full_like(left, 1 / height)
    return torch.stack(
        [left, top, right, bottom, (left + right) / 2, (top + bottom) / 2, across, down], dim=-1
    ).flatten(0, 1)


class VisualFeatures(nn.Module):
    """v_p of one level of the backbone: (B, C_i, h, w) -> (B, P, C_v), each position of length 1, or g_v with `gain`.

    channels: C_v, to which a 1x1 convolution projects the level first; 0 keeps the level's own C_i channels, as the
    paper does.
    """

    def __init__(self, inputs: int, channels: int = 0, gain: bool = False) -> None:
        super().__init__()
        self.channels = channels or inputs
        self.project = nn.Conv2d(inputs, channels, 1) if channels else None
        self.gain = nn.Parameter(torch.tensor(self.channels**0.5)) if gain else None

    def forward(self, level: Tensor) -> Tensor:
        projected = level if self.project is None else self.project(level)
        v = F.normalize(at_least_float32(projected.flatten(2).transpose(1, 2)), dim=-1)  # (B, P, C_v)
        return v if self.gain is None else self.gain * v


class WordFeatures(nn.Module):
    """e_n of each word: tokens (K, T) -> (K, T, C_l), each of length 1, or g_e with `gain`; padded words give zeros.

    The paper looks each word up in a table, so the order of the words does not matter; that is `context = 0`. With
    `context` > 0 a bidirectional GRU of that many channels reads the expression and its states are appended, so that
    "left" differs between "left dog" and "left of the dog". The look-up stays in the vector either way: a word that
    training has not seen still lies near its synonyms.
    """

    def __init__(self, vocabulary_size: int, embedding: int, context: int = 0, gain: bool = False) -> None:
        super().__init__()
        if context % 2:
            raise ValueError(f"context is {context}, expected an even number: half of the channels for each direction")
        self.table = nn.Embedding(vocabulary_size, embedding, padding_idx=0)
        self.reader = nn.GRU(embedding, context // 2, batch_first=True, bidirectional=True) if context else None
        self.channels = embedding + context
        self.gain = nn.Parameter(torch.tensor(self.channels**0.5)) if gain else None

    def forward(self, tokens: Tensor, valid: Tensor) -> Tensor:
        e = self.table(tokens)  # (K, T, E)
        if self.reader is not None:
            states = read_in_context(self.reader, e, valid)
            e = torch.cat(
                [F.normalize(at_least_float32(e), dim=-1), F.normalize(at_least_float32(states), dim=-1)], dim=-1
            )
        unit = F.normalize(at_least_float32(e), dim=-1)
        return (unit if self.gain is None else self.gain * unit) * valid.unsqueeze(-1)
