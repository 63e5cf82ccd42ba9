"""Counterfactuals: the answer without each of the words, from one pass over the expression and its N shortenings."""

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
    """What leaving one word out does to the answer.

    word: its place in the tokens of `original`, and text: the word there.  segmentation: the answer without it; None
    where no word would be left, which counts as an empty mask.  iou: of the masks with and without it at `threshold`,
    0..1; 1 where nothing changes, and where both are empty. The threshold overrules the verdict of absence, so that it
    tells of the mask alone; what the word does to the verdict is presence_change: the presence without it less the
    presence with it, -1..1; None where either is not known.  original: the answer to the whole expression.
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
        """Bool (H, W): pixels that come into the mask when the word goes. Computed again each time, as images may be
        large.
        """
        return np.asarray(self._without & ~self.original.mask(self.threshold))

    @property
    def lost(self) -> NDArray[np.bool_]:
        """Bool (H, W): pixels that leave the mask with the word. Computed again each time, as images may be large."""
        return np.asarray(self.original.mask(self.threshold) & ~self._without)

    @property
    def _without(self) -> NDArray[np.bool_]:
        if self.segmentation is None:
            return np.zeros(self.original.image.shape[:2], dtype=np.bool_)
        # Of a copy: an answer keeps its probability, at 4 bytes a pixel, and there are as many answers as words.
        return replace(self.segmentation).mask(self.threshold)


@dataclass(frozen=True, eq=False)
class Explanation:
    """The answer to an expression of N words, and what each of them does to it.

    segmentation: the answer, with word attention (L, N), maps and gates.  left_out: one for each word, in their order.
    threshold: of all masks compared, a probability.
    """

    segmentation: Segmentation
    left_out: tuple[WordLeftOut, ...]
    threshold: float

    def ranked(self) -> list[WordLeftOut]:
        """The words by what leaving them out changes, most first: by 1 - IoU, then by the size of the change in
        presence, then by their order.
        """
        return sorted(self.left_out, key=lambda word: (-word.change, -abs(word.presence_change or 0)))

    @cached_property
    def candidates(self) -> tuple[Candidate, ...]:
        """The strong components of the probability map, at image size, when first asked for: see `find_candidates`."""
        return find_candidates(self.segmentation, self.threshold)


def explain(predictor: Predictor, encoded: EncodedImage, expression: str, threshold: float | None = None) -> Explanation:
    """Answer an expression of N words and its N shortenings by one word, in one pass over N + 1 expressions; the
    backbone does not run.

    A word is left out of the words as read: the others stay what they are, and words beyond the network's limit do not
    move up. Masks are compared at the resolution at which the network saw the image, see `Segmentation.input_mask`.

    threshold: of the masks, the model's own without it. Raises InputError for a threshold outside 0..1, an expression
    that cannot be used or an image that another model has encoded.
    """
    threshold = check_threshold(predictor.threshold if threshold is None else threshold)
    read = predictor.tokenizer.encode(expression)
    shortened = [read.without(position) for position in range(len(read.tokens))]
    original, *answers = predictor.segment(encoded, [read, *(one for one in shortened if one is not None)])
    rest, before = iter(answers), original.input_mask(threshold)
    left_out = [_compared(original, before, word, None if one is None else next(rest), threshold) for word, one in enumerate(shortened)]
    return Explanation(original, tuple(left_out), threshold)


def _compared(original: Segmentation, before: NDArray[np.bool_], word: int, answer: Segmentation | None, threshold: float) -> WordLeftOut:
    """before: the `input_mask` of the original."""
    after = np.zeros_like(before) if answer is None else answer.input_mask(threshold)
    known = answer is not None and answer.presence is not None and original.presence is not None
    return WordLeftOut(
        word=word,
        text=original.tokens[word],
        segmentation=answer,
        iou=iou(before, after),
        presence_change=answer.presence - original.presence if known else None,  # type: ignore[union-attr,operator]
        original=original,
        threshold=threshold,
    )
