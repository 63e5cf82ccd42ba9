"""Multimodal features, Eq. 1: what is seen, what is said, and where.

f_pn = [g_v v_p/|v_p| ; g_e e_n/|e_n| ; s_p]. The paper concatenates the plain unit vectors; a unit vector of C channels has entries of about
1/sqrt(C) and untrained attention logits are then nearly flat, so each part carries a learnable gain g, initially sqrt(C) (our deviation).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

COORDINATES = 8


def coordinate_features(height: int, width: int, device: torch.device | str | None = None) -> Tensor:
    """The 8-D spatial feature s_p of every position (Sec. 3.1), shape (height * width, 8).

    Left, top, right and bottom edge and the centre x, y of the cell, normalised to -1..1 over the feature map, then 1/width and 1/height.
    """
    x = torch.linspace(-1, 1, width + 1, device=device)
    y = torch.linspace(-1, 1, height + 1, device=device)
    left, right = x[:-1].expand(height, -1), x[1:].expand(height, -1)
    top, bottom = y[:-1, None].expand(-1, width), y[1:, None].expand(-1, width)
    across, down = torch.full_like(left, 1 / width), torch.full_like(left, 1 / height)
    return torch.stack([left, top, right, bottom, (left + right) / 2, (top + bottom) / 2, across, down], dim=-1).flatten(0, 1)


class VisualFeatures(nn.Module):
    """Project one level of the backbone to C_v channels and normalise each position: (B, C_i, h, w) -> (B, P, C_v), |.| = g_v."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(inputs, channels, 1)
        self.gain = nn.Parameter(torch.tensor(channels**0.5))

    def forward(self, level: Tensor) -> Tensor:
        v = self.project(level).flatten(2).transpose(1, 2)  # (B, P, C_v)
        return self.gain * F.normalize(at_least_float32(v), dim=-1)


class WordFeatures(nn.Module):
    """Embed words and normalise each: tokens (K, T) -> (K, T, C_l), |.| = g_e; padded words give zeros.

    The paper looks each word up in a table; that is `context = 0`. With `context` > 0 a bidirectional GRU of that many channels reads the
    sentence and its states are appended, so that "left" of "left dog" and of "left of the dog" differ (our deviation, compact configuration).
    The look-up stays in the vector either way: a word never trained on still lies near its synonyms.
    """

    def __init__(self, vocabulary_size: int, embedding: int, context: int) -> None:
        super().__init__()
        if context % 2:
            raise ValueError(f"context must be even (two directions), got {context}")
        self.table = nn.Embedding(vocabulary_size, embedding, padding_idx=0)
        self.reader = nn.GRU(embedding, context // 2, batch_first=True, bidirectional=True) if context else None
        self.channels = embedding + context
        self.gain = nn.Parameter(torch.tensor(self.channels**0.5))

    def forward(self, tokens: Tensor, valid: Tensor) -> Tensor:
        e = self.table(tokens)  # (K, T, E)
        if self.reader is not None:
            states = read_in_context(self.reader, e, valid)
            e = torch.cat([F.normalize(at_least_float32(e), dim=-1), F.normalize(at_least_float32(states), dim=-1)], dim=-1)
        return self.gain * F.normalize(at_least_float32(e), dim=-1) * valid.unsqueeze(-1)


def read_in_context(reader: nn.GRU, embedded: Tensor, valid: Tensor) -> Tensor:
    """States (K, T, 2 * hidden) of a bidirectional `reader` over embedded words (K, T, E); padding, where valid (K, T) is False, is not read."""
    lengths = valid.sum(1).clamp_min(1).cpu()
    packed = nn.utils.rnn.pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
    states: Tensor = nn.utils.rnn.pad_packed_sequence(reader(packed)[0], batch_first=True, total_length=embedded.shape[1])[0]
    return states


def at_least_float32(x: Tensor) -> Tensor:
    """Half types promoted to float32, the rest as it is."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
