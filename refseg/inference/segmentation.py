"""The answer to one expression: probability, mask, and what the network looked at."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from refseg.errors import InputError
from refseg.images import Letterbox
from refseg.inference.crf import refine_mask
from refseg.inference.doubt import doubt_of

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What the network answers to one expression about one picture of (H, W); arrays are numpy, maps at picture size are computed when asked for.

    tokens: the words used, in order (T of them); unknown: those the vocabulary lacks, with `suggestions` of known ones spelled alike; dropped: words
    beyond the network's limit.  logits (h', w'): on the network's grid over the letterboxed square.  word_attention (L, T): a of Eq. 4, rows sum to 1.
    word_maps (L, T, h, w): share of its attention that a position pays to a word.  memory_gates, reset_gates (L, h, w): of Eq. 6, 0..1.
    presence: probability 0..1 that the thing named is in the picture at all; None when the network does not say; below `presence_threshold`
    the verdict is `absent`.  gate: share 0..1 of the chosen region in the logits, the rest being the dense answer's; None without regions.
    """

    expression: str
    image: NDArray[np.uint8] = field(repr=False)
    letterbox: Letterbox = field(repr=False)
    tokens: tuple[str, ...]
    unknown: tuple[str, ...]
    dropped: tuple[str, ...]
    suggestions: dict[str, list[str]]
    threshold: float
    presence: float | None
    logits: FloatArray = field(repr=False)
    strongest: FloatArray = field(repr=False)
    word_attention: FloatArray = field(repr=False)
    word_maps: FloatArray = field(repr=False)
    memory_gates: FloatArray = field(repr=False)
    reset_gates: FloatArray = field(repr=False)
    presence_threshold: float = 0.0
    gate: float | None = None
    # The last refined mask and its threshold: a page shows and saves the same one several times, and each takes a second or more.
    _refined: dict[float, NDArray[np.bool_]] = field(default_factory=dict, init=False, repr=False)

    @property
    def truncated(self) -> bool:
        """Whether the expression had more words than the network reads."""
        return bool(self.dropped)

    @property
    def absent(self) -> bool:
        """The verdict that the thing named is not in the picture."""
        return self.presence is not None and self.presence < self.presence_threshold

    @cached_property
    def probability(self) -> FloatArray:
        """(H, W) float32 in 0..1: logits enlarged bilinearly to the square, the border cut off, brought to the picture's size, then the sigmoid.

        4 bytes a pixel, kept with the answer; the mask needs it, too.
        """
        return _sigmoid(self.letterbox.inverse(self.logits))

    def seen_mask(self, threshold: float) -> NDArray[np.bool_]:
        """Bool (h, w): where the probability is at least `threshold`, at the resolution at which the network saw the picture (its longer side S).

        `mask` is this one brought to the picture's size. To compare many answers about a large picture this one does: for 12 megapixels it takes
        a hundredth of the time, and IoUs differ by about 0.001. Raises InputError for a threshold outside 0..1.
        """
        return np.asarray(_sigmoid(self.letterbox.scaled.inverse(self.logits)) >= check_threshold(threshold))

    @cached_property
    def peak(self) -> float:
        """The highest probability in the picture."""
        return float(self.probability.max())

    @cached_property
    def doubt(self) -> float:
        """How unsure this answer is, 0..1: see `doubt_of`."""
        return doubt_of(self.logits[self.letterbox.of_cells(len(self.logits)).window], self.threshold, self.presence)

    @cached_property
    def response(self) -> FloatArray:
        """(H, W) in 0..1: the strongest channel of the fused features, from its least to its greatest value in the picture; 0 where it is flat."""
        response = self.letterbox.inverse(self.strongest)
        low, high = float(response.min()), float(response.max())
        return np.asarray((response - low) / max(high - low, 1e-12), dtype=np.float32)

    def word_map(self, level: int, word: int) -> FloatArray:
        """(H, W) in 0..1: the share of its attention that each place pays to the word with that index, on one level. Raises IndexError."""
        return self.letterbox.inverse(self.word_maps[level, word])

    def mask(self, threshold: float | None = None, refine: str = "none") -> NDArray[np.bool_]:
        """Bool (H, W): where the probability is at least `threshold`, or DenseCRF's answer started from there.

        Without a threshold the model decides: its own threshold, and nothing where its verdict is `absent`. A threshold overrules the verdict.
        refine: "none" or "crf".
        Raises InputError for a threshold outside 0..1 or an unknown refinement, UnavailableError when the CRF is not installed.
        """
        if threshold is None:
            if self.absent:
                return np.zeros(self.image.shape[:2], dtype=np.bool_)
            threshold = self.threshold
        check_threshold(threshold)
        if refine == "none":
            return np.asarray(self.probability >= threshold)
        if refine != "crf":
            raise InputError(f"the refinement is {refine!r}, expected 'none' or 'crf'")
        mask = self._refined.get(threshold)
        if mask is None:
            mask = refine_mask(self.image, self.probability, threshold)
            self._refined.clear()
            self._refined[threshold] = mask
        return np.array(mask)


def check_threshold(threshold: float) -> float:
    """The threshold itself. Raises InputError where it is no probability."""
    if not 0 <= threshold <= 1:
        raise InputError(f"the threshold is {threshold}, expected a probability from 0 to 1")
    return threshold


def _sigmoid(logits: FloatArray) -> FloatArray:
    """In place of a fresh array for each step: pictures may be large."""
    values = np.clip(logits, -60, 60)
    np.negative(values, out=values)
    np.exp(values, out=values)
    values += 1
    return np.reciprocal(values, out=values)
