"""Cross-frame self-attention (CFSA), Eq. 9-11: what the frames around a frame add to its visual features.

Over the F frames of a window (the target, tau before and tau after it; fewer at the ends of a clip) every position of
every frame attends to every position of every frame,

    v^_tp = sum_{t',p'} softmax_{t',p'}(q_tp . k_t'p') x_t'p'                                        (Eq. 9)
    c_t' = sum_{t,p} sum_p' a[(t,p),(t',p')],   a = softmax_t'(c)                                   (Eq. 10)
    V^_p = W_o sum_t a_t v^_tp,   V_t := V_t + V^                                                   (Eq. 11)

so frames are pooled by the attention they receive, as words are in Eq. 4-5. `forward` is that definition for one
window; a clip that is read frame by frame goes through `sliding.py`, which computes each pair of frames once.

Options, each a deviation from the paper (docs/deviations.md): `biases` of the linear maps; `scaled`, a learnable factor
of the logits that starts at 1/sqrt(d); `mean_received`, Eq. 10 divided by P; `zero_start`, W_o starts at zero, so that
an untrained layer changes nothing; and with `stride` s > 1 keys and values are means over s x s positions, which costs
1/s^2.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refseg.models.layers.precision import at_least_float32


class FrameParts(NamedTuple):
    """What F frames put into Eq. 9: queries (F, P, d), scaled; keys and values (F, P', d) with P' = P / s^2."""

    queries: Tensor
    keys: Tensor
    values: Tensor


class WindowResponse(NamedTuple):
    """A window's contribution: response (P, C_v), V^ of Eq. 11; weights (F,), a of Eq. 10, sum 1."""

    response: Tensor
    weights: Tensor


class CrossFrameSelfAttention(nn.Module):
    """One level of CFSA over visual features (F, P, C_v)."""

    def __init__(
        self,
        visual: int,
        width: int,
        stride: int = 1,
        *,
        biases: bool = False,
        scaled: bool = False,
        mean_received: bool = False,
        zero_start: bool = False,
    ) -> None:
        super().__init__()
        if stride < 1:
            raise ValueError(f"stride is {stride}, expected at least 1")
        self.width, self.stride, self.mean_received = width, stride, mean_received
        self.query = nn.Linear(visual, width, bias=biases)
        self.key_value = nn.Linear(visual, 2 * width, bias=biases)
        self.output = nn.Linear(width, visual, bias=False)
        if zero_start:
            nn.init.zeros_(self.output.weight)
        self.scale = nn.Parameter(torch.tensor(width**-0.5)) if scaled else None

    def project(self, visual: Tensor, grid: tuple[int, int]) -> FrameParts:
        """visual (F, P, C_v) on a grid of (h, w) positions, each a multiple of the stride."""
        with torch.autocast(visual.device.type, enabled=False):
            visual = at_least_float32(visual)
            coarse = visual if self.stride == 1 else _coarser(visual, grid, self.stride)
            keys, values = self.key_value(coarse).chunk(2, dim=-1)
            queries = self.query(visual)
            return FrameParts(queries if self.scale is None else queries * self.scale, keys, values)

    def forward(self, visual: Tensor, grid: tuple[int, int]) -> WindowResponse:
        """One window, visual (F, P, C_v): Eq. 9-11 as they are written, except that the mean over frames is taken
        before W_o.
        """
        frames, positions, _ = visual.shape
        with torch.autocast(visual.device.type, enabled=False):
            q, k, x = self.project(visual, grid)
            attention = (q.flatten(0, 1) @ k.flatten(0, 1).t()).softmax(-1)  # (F P, F P')
            attended = (attention @ x.flatten(0, 1)).unflatten(0, (frames, positions))  # v^, (F, P, d)
            weights = self.frame_weights(
                attention.view(frames * positions, frames, -1).sum((0, 2)) / positions, positions
            )
            return self.respond(torch.einsum("f,fpd->pd", weights, attended), weights)

    def frame_weights(self, received: Tensor, positions: int) -> Tensor:
        """a of Eq. 10 (F,), from the attention that each of F frames receives, divided by P: mean 1 over the frames."""
        return (received if self.mean_received else received * positions).softmax(0)

    def respond(self, pooled: Tensor, weights: Tensor) -> WindowResponse:
        """pooled (P, d): sum_t a_t v^_tp."""
        return WindowResponse(self.output(pooled), weights)


def add_response(visual: Tensor, response: Tensor, renormalize: bool) -> Tensor:
    """V_t + V^ (Eq. 11), both (..., P, C_v). renormalize: bring each position back to the length it has in V_t, for
    features that are normalized already.
    """
    visual = at_least_float32(visual)
    added = visual + response
    if not renormalize:
        return added
    renormalized: Tensor = F.normalize(added, dim=-1) * visual.norm(dim=-1, keepdim=True)
    return renormalized


def _coarser(visual: Tensor, grid: tuple[int, int], stride: int) -> Tensor:
    """Means over stride x stride positions: (F, P, C) -> (F, P / stride^2, C)."""
    h, w = grid
    if h % stride or w % stride:
        raise ValueError(
            f"a grid of {h} x {w} positions is not divisible by the stride {stride}: choose another image size or"
            " stride"
        )
    maps = visual.transpose(1, 2).unflatten(-1, grid)  # (F, C, h, w)
    return F.avg_pool2d(maps, stride).flatten(2).transpose(1, 2)
