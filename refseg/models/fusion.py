"""Gated multi-level fusion, Eq. 6: each level keeps what it needs and takes what the others offer, position by position."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Fused(NamedTuple):
    """features (K, X, h, w): the sum of the fused levels;  memory_gates and reset_gates (K, L, h, w) in 0..1."""

    features: Tensor
    memory_gates: Tensor
    reset_gates: Tensor


class GatedFusion(nn.Module):
    """With X^i = W_x^i f^i, memory gate m^i and reset gate r^i (one value per position, from X^i):

        G^i  = (1 - m^i) X^i + sum_{j != i} gamma^j m^j X^j
        Fo^i = r^i tanh(G^i) + (1 - r^i) X^i,       output sum_i Fo^i.

    `modulated` multiplies X^i by 1 + tanh(S^i e), e the attended sentence sum_n a_n e_n of the level: the product of what is seen and what is said
    that concatenation alone cannot form (our addition, compact configuration; off in the paper's).
    """

    def __init__(self, inputs: int, words: int, channels: int, levels: int = 3, modulated: bool = False) -> None:
        super().__init__()
        self.project = nn.ModuleList(nn.Conv2d(inputs, channels, 1) for _ in range(levels))
        self.modulate = nn.ModuleList(nn.Linear(words, channels) for _ in range(levels)) if modulated else None
        self.memory = nn.ModuleList(nn.Conv2d(channels, 1, 1) for _ in range(levels))
        self.reset = nn.ModuleList(nn.Conv2d(channels, 1, 1) for _ in range(levels))
        self.gamma = nn.Parameter(torch.ones(levels))

    def forward(self, levels: Sequence[Tensor], sentences: Sequence[Tensor]) -> Fused:
        """levels: L maps f^i (K, C, h, w); sentences: L attended sentences (K, C_l)."""
        return self.fuse([project(level) for project, level in zip(self.project, levels, strict=True)], sentences)

    def fuse(self, x: Sequence[Tensor], sentences: Sequence[Tensor]) -> Fused:
        """The same from L projected maps X^i (K, X, h, w) on."""
        if self.modulate is not None:
            gains = (1 + modulate(sentence).tanh() for modulate, sentence in zip(self.modulate, sentences, strict=True))
            x = [x_i * gain[:, :, None, None] for x_i, gain in zip(x, gains, strict=True)]
        memory = [gate(x_i).sigmoid() for gate, x_i in zip(self.memory, x, strict=True)]
        reset = [gate(x_i).sigmoid() for gate, x_i in zip(self.reset, x, strict=True)]
        offered = [gamma * m for gamma, m in zip(self.gamma, memory, strict=True)]
        # In place where no gradient needs the old values: for many expressions these passes over memory cost more than the convolutions.
        everything = offered[0] * x[0]
        for share, x_i in zip(offered[1:], x[1:], strict=True):
            everything.add_(share * x_i)
        features: Tensor | None = None
        for x_i, m, r, own in zip(x, memory, reset, offered, strict=True):
            g = torch.addcmul(everything, 1 - m - own, x_i)  # (1 - m) X, and what all levels offer but for its own
            fused = torch.addcmul(x_i, r, g.tanh_() - x_i)
            features = fused if features is None else features.add_(fused)
        if features is None:
            raise ValueError("expected at least one level, got none")
        return Fused(features, torch.cat(memory, dim=1), torch.cat(reset, dim=1))
