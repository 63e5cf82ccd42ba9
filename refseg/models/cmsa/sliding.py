"""Cross-frame self-attention over a clip that is read frame by frame: every pair of frames is computed once, in memory
that the window bounds.

The attention block of frames t and t' depends on the window only through the normalizer. Kept for each pair are the
numerator sum_p' e^(l - m) x (P, d), the denominator sum_p' e^(l - m) and the row maximum m of its logits l (P each);
the softmax over any window is their log-sum-exp merger, and the column sums of Eq. 10 are merged denominators. A new
frame costs 2 (2 tau + 1) - 1 blocks instead of (2 tau + 1)^2, and the values are those of
`CrossFrameSelfAttention.forward`: as there, logits, exponentials and their merger are float32 whatever the autocast.
"""

import torch
from torch import Tensor

from refseg.models.cmsa.cross_frame import CrossFrameSelfAttention, WindowResponse


class SlidingAttention:
    """One level of one clip. `push` appends a frame; `pool` computes the response of any range of those still held, the
    last 2 tau + 1.

    Holds `floats_held` numbers of at least float32, from the first frame on. No gradient passes.
    """

    def __init__(self, attention: CrossFrameSelfAttention, tau: int) -> None:
        if tau < 0:
            raise ValueError(f"tau must be at least 0, got {tau}")
        self._attention, self._slots = attention, 2 * tau + 1
        self._pushed = 0  # frames so far; frame f is in slot f modulo the number of slots

    @torch.inference_mode()
    def push(self, visual: Tensor, grid: tuple[int, int]) -> None:
        """The next frame, visual (1, P, C_v)."""
        parts = self._attention.project(visual, grid)
        if not self._pushed:
            self._allocate(*parts)
        slot = self._pushed % self._slots
        for store, part in zip((self._queries, self._keys, self._values), parts, strict=True):
            store[slot] = part[0]
        self._pushed += 1
        with torch.autocast(visual.device.type, enabled=False):
            self._fill(slot, slot)
            for other in range(min(self._pushed, self._slots)):
                if other != slot:
                    self._fill(slot, other)
                    self._fill(other, slot)

    @torch.inference_mode()
    def pool(self, first: int, last: int) -> WindowResponse:
        """Eq. 9-11 over the frames first..last (inclusive). Raises ValueError for frames that are not pushed yet or no
        longer held.
        """
        oldest = max(0, self._pushed - self._slots)
        if not oldest <= first <= last < self._pushed:
            raise ValueError(
                f"got the frames {first} to {last}, expected a range within {oldest} to {self._pushed - 1}, which are"
                " held"
            )
        window = self._held(first, last + 1)
        square = window.unsqueeze(1), window.unsqueeze(0)
        peaks, denominators = self._peaks[square], self._denominators[square]  # (F, F', P): queries of F, keys of F'
        merged = (peaks - peaks.amax(1, keepdim=True)).exp()
        shares = merged * denominators
        total = shares.sum(1, keepdim=True)  # (F, 1, P)
        weights = self._attention.frame_weights((shares / total).mean(-1).sum(0), shares.shape[-1])  # (F',), Eq. 10
        factors = torch.zeros_like(self._peaks)  # of every pair held; those outside the window stay zero
        factors[square] = merged / total * weights[:, None, None]
        with torch.autocast(factors.device.type, enabled=False):
            pooled = factors.flatten(0, 1).t().contiguous().unsqueeze(1) @ self._numerators.flatten(
                1, 2
            )  # (P, 1, n^2) @ (P, n^2, d)
            return self._attention.respond(pooled.squeeze(1), weights)

    def _held(self, start: int, stop: int) -> Tensor:
        """Slots of the frames start..stop - 1, in their order."""
        return torch.arange(start, stop, device=self._queries.device) % self._slots

    def _fill(self, query: int, key: int) -> None:
        """The block of two slots; one at a time, as its logits then stay in the processor's cache."""
        logits = self._queries[query] @ self._keys[key].t()  # (P, P')
        peaks = logits.amax(-1)
        weights = logits.sub_(peaks.unsqueeze(-1)).exp_()
        self._peaks[query, key] = peaks
        self._denominators[query, key] = weights.sum(-1)
        self._numerators[:, query, key] = weights @ self._values[key]

    def _allocate(self, queries: Tensor, keys: Tensor, values: Tensor) -> None:
        n, positions, width = self._slots, queries.shape[1], queries.shape[2]
        self._queries = queries.new_zeros(n, positions, width)
        self._keys, self._values = keys.new_zeros(n, *keys.shape[1:]), values.new_zeros(n, *values.shape[1:])
        self._numerators = queries.new_zeros(positions, n, n, width)
        self._denominators, self._peaks = queries.new_zeros(n, n, positions), queries.new_zeros(n, n, positions)


def floats_held(positions: int, coarse: int, width: int, tau: int) -> int:
    """Numbers that one level of a window keeps: (2 tau + 1)^2 (P d + 2 P) + (2 tau + 1) (P + 2 P') d, of P `positions`
    and P' `coarse` ones.
    """
    frames = 2 * tau + 1
    return frames**2 * positions * (width + 2) + frames * (positions + 2 * coarse) * width
