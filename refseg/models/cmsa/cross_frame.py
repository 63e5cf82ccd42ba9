"""Cross-frame self-attention, Eq. 9-11: what the frames around a frame add to its visual features.

Over the F frames of a window (the target, tau before and tau after it; fewer at the ends of a clip) every position of every frame attends to every
position of every frame,

    v^_tp = sum_{t',p'} softmax_{t',p'}(q_tp . k_t'p') x_t'p'                                        (Eq. 9)
    c_t' = (1/P) sum_{t,p} sum_p' a[(t,p),(t',p')],   a = softmax_t'(c)                             (Eq. 10)
    V^_p = W_o sum_t a_t v^_tp,   V_t := V_t + V^                                                   (Eq. 11)

so frames are pooled by the attention they receive as words are in Eq. 4-5. `forward` is that definition for one window; a clip that is read frame by frame
goes through `sliding.py`, which computes each pair of frames once.

Deviations: as in Eq. 4, received attention is divided by P, as the plain sum would saturate the softmax; the logits carry a learnable scale, initially
1/sqrt(d); V_t + V^ is brought back to the length of V_t, as Eq. 1 takes unit vectors; W_o starts at zero, so that an untrained layer
changes nothing; and with `stride` s > 1 (compact configuration) keys and values are means over s x s positions, which costs 1/s^2.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refseg.models.layers.multimodal import at_least_float32


class FrameParts(NamedTuple):
    """What F frames put into Eq. 9: queries (F, P, d), scaled; keys and values (F, P', d) with P' = P / s^2."""

    queries: Tensor
    keys: Tensor
    values: Tensor


class Pooled(NamedTuple):
    """A window's contribution: response (P, C_v), V^ of Eq. 11; weights (F,), a of Eq. 10, sum 1."""

    response: Tensor
    weights: Tensor


class CrossFrameSelfAttention(nn.Module):
    """One level of CFSA; visual features are those of `VisualFeatures`, all positions of one length."""

    def __init__(self, visual: int, width: int, stride: int = 1) -> None:
        super().__init__()
        if stride < 1:
            raise ValueError(f"stride must be at least 1, got {stride}")
        self.width, self.stride = width, stride
        self.query = nn.Linear(visual, width)
        self.key_value = nn.Linear(visual, 2 * width)
        self.output = nn.Linear(width, visual, bias=False)
        nn.init.zeros_(self.output.weight)
        self.scale = nn.Parameter(torch.tensor(width**-0.5))

    def project(self, visual: Tensor, grid: tuple[int, int]) -> FrameParts:
        """visual (F, P, C_v) on a grid of (h, w) positions, each a multiple of the stride."""
        with torch.autocast(visual.device.type, enabled=False):
            visual = at_least_float32(visual)
            coarse = visual if self.stride == 1 else _coarser(visual, grid, self.stride)
            keys, values = self.key_value(coarse).chunk(2, dim=-1)
            return FrameParts(self.query(visual) * self.scale, keys, values)

    def forward(self, visual: Tensor, grid: tuple[int, int]) -> Pooled:
        """One window, visual (F, P, C_v): Eq. 9-11 as they stand, but that the mean over frames is taken before W_o."""
        frames, positions, _ = visual.shape
        with torch.autocast(visual.device.type, enabled=False):
            q, k, x = self.project(visual, grid)
            attention = (q.flatten(0, 1) @ k.flatten(0, 1).t()).softmax(-1)  # (F P, F P')
            attended = (attention @ x.flatten(0, 1)).unflatten(0, (frames, positions))  # v^, (F, P, d)
            received = attention.view(frames * positions, frames, -1).sum((0, 2)) / positions  # mean 1 over the frames
            weights = received.softmax(0)
            return self.respond(torch.einsum("f,fpd->pd", weights, attended), weights)

    def respond(self, pooled: Tensor, weights: Tensor) -> Pooled:
        """pooled (P, d): sum_t a_t v^_tp."""
        return Pooled(self.output(pooled), weights)


def add_response(visual: Tensor, response: Tensor) -> Tensor:
    """V_t + V^ (Eq. 11) at the length that the positions of V_t have; both (..., P, C_v)."""
    visual = at_least_float32(visual)
    added: Tensor = F.normalize(visual + response, dim=-1) * visual.norm(dim=-1, keepdim=True)
    return added


def _coarser(visual: Tensor, grid: tuple[int, int], stride: int) -> Tensor:
    """Means over stride x stride positions: (F, P, C) -> (F, P / stride^2, C)."""
    h, w = grid
    if h % stride or w % stride:
        raise ValueError(f"a grid of {h} x {w} positions is not divisible by the stride {stride}: choose another image size or stride")
    maps = visual.transpose(1, 2).unflatten(-1, grid)  # (F, C, h, w)
    return F.avg_pool2d(maps, stride).flatten(2).transpose(1, 2)
