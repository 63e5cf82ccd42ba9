"""Gated multi-level fusion (GMLF), Eq. 6: at each position, every level is mixed with what the other levels give."""

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

    So m^i says how much of X^i goes to the *other* levels and is withheld from level i itself, and r^i how much of the
    output of level i is tanh(G^i) rather than X^i as it was.

    inputs: channels of each level.  modulated: multiply X^i by 1 + tanh(S^i e), where e = sum_n a_n e_n is the attended
    expression of the level. Concatenation alone cannot form that product of vision and language; a deviation from the
    paper, see docs/deviations.md.
    """

    def __init__(self, inputs: Sequence[int], words: int, channels: int, modulated: bool = False) -> None:
        super().__init__()
        self.project = nn.ModuleList(nn.Conv2d(level, channels, 1) for level in inputs)
        self.modulate = nn.ModuleList(nn.Linear(words, channels) for _ in inputs) if modulated else None
        self.memory = nn.ModuleList(nn.Conv2d(channels, 1, 1) for _ in inputs)
        self.reset = nn.ModuleList(nn.Conv2d(channels, 1, 1) for _ in inputs)
        self.gamma = nn.Parameter(torch.ones(len(inputs)))

    def forward(self, levels: Sequence[Tensor], expressions: Sequence[Tensor]) -> Fused:
        """levels: L maps f^i (K, C_i, h, w); expressions: L attended expressions (K, C_l)."""
        return self.fuse([project(level) for project, level in zip(self.project, levels, strict=True)], expressions)

    def fuse(self, x: Sequence[Tensor], expressions: Sequence[Tensor]) -> Fused:
        """The same from L projected maps X^i (K, X, h, w) on."""
        if self.modulate is not None:
            gains = (
                1 + modulate(expression).tanh() for modulate, expression in zip(self.modulate, expressions, strict=True)
            )
            x = [x_i * gain[:, :, None, None] for x_i, gain in zip(x, gains, strict=True)]
        memory = [gate(x_i).sigmoid() for gate, x_i in zip(self.memory, x, strict=True)]
        reset = [gate(x_i).sigmoid() for gate, x_i in zip(self.reset, x, strict=True)]
        given = [gamma * m for gamma, m in zip(self.gamma, memory, strict=True)]
        # In place where no gradient needs the old values: with many expressions these passes over memory cost more than
        # the convolutions.
        everything = given[0] * x[0]
        for share, x_i in zip(given[1:], x[1:], strict=True):
            everything.add_(share * x_i)
        features: Tensor | None = None
        for x_i, m, r, own in zip(x, memory, reset, given, strict=True):
            g = torch.addcmul(everything, 1 - m - own, x_i)  # (1 - m^i) X^i, and what the other levels give
            fused = torch.addcmul(x_i, r, g.tanh_() - x_i)
            features = fused if features is None else features.add_(fused)
        if features is None:
            raise ValueError("got no level, expected at least one")
        return Fused(features, torch.cat(memory, dim=1), torch.cat(reset, dim=1))
