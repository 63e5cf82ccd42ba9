"""The answer to one expression: probability, mask, and the maps that explain it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from refseg.errors import InputError
from refseg.inference.crf import refine_mask
from refseg.inference.uncertainty import uncertainty_of
from refseg.letterbox import Letterbox

if TYPE_CHECKING:
    from refseg.models.system import MapDescription

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The answer to one expression about one image of (H, W). Arrays are numpy; maps at the size of the image are
    computed on access.

    tokens: the T words used, in order.  unknown: those that the vocabulary lacks, with `suggestions` of known words of
    similar spelling.  dropped: words beyond the model's limit.  logits (h', w'): over the letterboxed square.
    presence: probability 0..1 that the image has what the expression names; None if the model does not predict it;
    below `presence_threshold` the verdict is `no_target`.

    What the model can show, None or missing if it cannot: word_attention (L, T): how much each word counts
    on each of L levels, rows sum to 1 (Eq. 4 of CMSA).  word_maps (L, T, h, w): share of its attention that a position
    pays to a word.  strongest (h, w): the strongest channel of its response. maps: by name, others of (L, h, w), with
    `map_descriptions` of them.  gate: share 0..1 of a chosen region in the answer, the rest being the dense answer's.
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
    strongest: FloatArray | None = field(default=None, repr=False)
    word_attention: FloatArray | None = field(default=None, repr=False)
    word_maps: FloatArray | None = field(default=None, repr=False)
    maps: Mapping[str, FloatArray] = field(default_factory=dict, repr=False)
    map_descriptions: Mapping[str, MapDescription] = field(default_factory=dict, repr=False)
    presence_threshold: float = 0.0
    gate: float | None = None
    # The last refined mask and its threshold: a page shows and saves the same one several times, and each takes a
    # second or more.
    _refined: dict[float, NDArray[np.bool_]] = field(default_factory=dict, init=False, repr=False)

    @property
    def truncated(self) -> bool:
        """Whether the expression had more words than the model reads."""
        return bool(self.dropped)

    @property
    def no_target(self) -> bool:
        """The verdict: the image has nothing that the expression names."""
        return self.presence is not None and self.presence < self.presence_threshold

    @cached_property
    def probability(self) -> FloatArray:
        """(H, W) float32 in 0..1: logits enlarged bilinearly to the square, the border cut off, resized to the image,
        then the sigmoid.

        4 bytes a pixel, cached with the answer, because the mask needs it as well.
        """
        return _sigmoid(self.letterbox.inverse(self.logits))

    def input_mask(self, threshold: float) -> NDArray[np.bool_]:
        """Bool (h, w): where the probability is at least `threshold`, at the resolution of the model's input (its
        longer side is S).

        `mask` is the same at the size of the image. To compare many answers about a large image this one is enough: for
        12 megapixels it takes a hundredth of the time, and IoUs differ by about 0.001. Raises InputError for a
        threshold outside 0..1.
        """
        return np.asarray(_sigmoid(self.letterbox.scaled.inverse(self.logits)) >= check_threshold(threshold))

    @cached_property
    def peak(self) -> float:
        """The highest probability in the image."""
        return float(self.probability.max())

    @cached_property
    def uncertainty(self) -> float:
        """0 (certain) to 1: see `uncertainty_of`."""
        return uncertainty_of(
            self.logits[self.letterbox.of_cells(len(self.logits)).window], self.threshold, self.presence
        )

    @cached_property
    def response(self) -> FloatArray | None:
        """(H, W) in 0..1: the strongest channel of the response, scaled from its least to its greatest value in the
        image; 0 if it is constant; None without a response.
        """
        if self.strongest is None:
            return None
        response = self.letterbox.inverse(self.strongest)
        low, high = float(response.min()), float(response.max())
        return np.asarray((response - low) / max(high - low, 1e-12), dtype=np.float32)

    def word_map(self, level: int, word: int) -> FloatArray:
        """(H, W) in 0..1: the share of its attention that each pixel pays to the word with that index, on one level.
        Raises IndexError.
        """
        if self.word_maps is None:
            raise IndexError(f"the model has no word maps, so there is none of level {level} and word {word}")
        return self.letterbox.inverse(self.word_maps[level, word])

    def mask(self, threshold: float | None = None, refine: str = "none") -> NDArray[np.bool_]:
        """Bool (H, W): where the probability is at least `threshold`, or DenseCRF's answer started from there.

        Without a threshold the model decides: its own threshold, and an empty mask if its verdict is `no_target`. A
        threshold overrules the verdict. refine: "none" or "crf". Raises InputError for a threshold outside 0..1 or an
        unknown refinement, UnavailableError if the CRF is not installed.
        """
        if threshold is None:
            if self.no_target:
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
    """The threshold itself. Raises InputError for one that is no probability."""
    if not 0 <= threshold <= 1:
        raise InputError(f"the threshold is {threshold}, expected a probability from 0 to 1")
    return threshold


def _sigmoid(logits: FloatArray) -> FloatArray:
    """Computed in place, because images may be large."""
    values = np.clip(logits, -60, 60)
    np.negative(values, out=values)
    np.exp(values, out=values)
    values += 1
    return np.reciprocal(values, out=values)
