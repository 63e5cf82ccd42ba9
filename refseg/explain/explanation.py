"""Counterfactuals: the answers without each of the N words, from one pass over N + 1 expressions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from refseg.explain.candidates import Candidate, find_candidates
from refseg.inference.segmentation import Segmentation, check_threshold
from refseg.mask_iou import iou

if TYPE_CHECKING:
    from refseg.inference.predictor import EncodedImage, Predictor


@dataclass(frozen=True, eq=False)
class WordLeftOut:
    """The effect of leaving out one word.

    word: its index in the tokens of `original`.  text: the word.  segmentation: the answer without it; None if no word
    would be left, which counts as an empty mask.  iou: of the masks with and without it at `threshold`, 0..1; 1 if
    nothing changes or both are empty. It ignores the verdict.  presence_change: the presence without the word minus the
    presence with it, -1..1; None if either is unknown.  original: the answer to the whole expression.
    """

    word: int
    text: str
    segmentation: Segmentation | None
    iou: float
    presence_change: float | None
    original: Segmentation = field(repr=False)
    threshold: float

    @property
    def change(self) -> float:
        """How much of the mask changes: 1 - IoU, 0..1."""
        return 1 - self.iou

    @property
    def gained(self) -> NDArray[np.bool_]:
        """Bool (H, W): pixels that the mask gains without the word. Computed on each access, because images may be
        large.
        """
        return np.asarray(self._without & ~self.original.mask(self.threshold))

    @property
    def lost(self) -> NDArray[np.bool_]:
        """Bool (H, W): pixels that the mask loses without the word. Computed on each access, because images may be
        large.
        """
        return np.asarray(self.original.mask(self.threshold) & ~self._without)

    @property
    def _without(self) -> NDArray[np.bool_]:
        if self.segmentation is None:
            return np.zeros(self.original.image.shape[:2], dtype=np.bool_)
        # Of a copy: an answer caches its probability, 4 bytes per pixel, and there are as many answers as words.
        return replace(self.segmentation).mask(self.threshold)


@dataclass(frozen=True, eq=False)
class Explanation:
    """The answer to an expression of N words, and the effect of each of them.

    segmentation: the answer, with word attention (L, N), maps and gates.  left_out: one for each word, in their order.
    threshold: of all masks compared, a probability.
    """

    segmentation: Segmentation
    left_out: tuple[WordLeftOut, ...]
    threshold: float

    def ranked(self) -> list[WordLeftOut]:
        """The words by their effect, largest first: by 1 - IoU, then by the size of the change in presence, then by
        their order.
        """
        return sorted(self.left_out, key=lambda word: (-word.change, -abs(word.presence_change or 0)))

    @cached_property
    def candidates(self) -> tuple[Candidate, ...]:
        """The strong components of the probability map, at image size, computed on first access: see
        `find_candidates`.
        """
        return find_candidates(self.segmentation, self.threshold)


def explain(
    predictor: Predictor, encoded: EncodedImage, expression: str, threshold: float | None = None
) -> Explanation:
    """Answer an expression of N words and its N shortenings by one word, in one pass over N + 1 expressions; the
    backbone does not run.

    A word is removed from the tokens: the other tokens do not change, and words beyond the model's limit do not move
    up. Masks are compared at the resolution of the network's input, see `Segmentation.input_mask`.

    threshold: of the masks; None: the model's own. Raises InputError for a threshold outside 0..1, an expression
    that cannot be used or an image that another model has encoded.
    """
    threshold = check_threshold(predictor.threshold if threshold is None else threshold)
    read = predictor.tokenizer.encode(expression)
    shortened = [read.without(position) for position in range(len(read.tokens))]
    original, *answers = predictor.segment(encoded, [read, *(one for one in shortened if one is not None)])
    remaining, before = iter(answers), original.input_mask(threshold)
    left_out = [
        _compared(original, before, word, None if one is None else next(remaining), threshold)
        for word, one in enumerate(shortened)
    ]
    return Explanation(original, tuple(left_out), threshold)


def _compared(
    original: Segmentation, before: NDArray[np.bool_], word: int, answer: Segmentation | None, threshold: float
) -> WordLeftOut:
    """before: the `input_mask` of the original."""
    after = np.zeros_like(before) if answer is None else answer.input_mask(threshold)
    has_presence = answer is not None and answer.presence is not None and original.presence is not None
    return WordLeftOut(
        word=word,
        text=original.tokens[word],
        segmentation=answer,
        iou=iou(before, after),
        presence_change=answer.presence - original.presence if has_presence else None,  # type: ignore[union-attr,operator]
        original=original,
        threshold=threshold,
    )
