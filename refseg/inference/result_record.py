"""The content of result.json, as the command line and the page write it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refseg.inference.segmentation import Segmentation

TARGET, NO_TARGET = "target", "no-target"


def result_record(image: str, model: str, entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The whole of result.json, of JSON types: the image's name, the model's, and a `segmentation_entry` for each
    expression.
    """
    return {"image": encodable(image), "model": encodable(model), "segmentations": list(entries)}


def segmentation_entry(
    answer: Segmentation,
    mask: NDArray[np.bool_],
    file: str,
    threshold: float | None = None,
    refine: str = "none",
    part: bool = False,
) -> dict[str, Any]:
    """The entry of one expression, of JSON types; `mask` (H, W) is what was written to `file`, a path relative to
    result.json.

    threshold, refine: as `Segmentation.mask` had them.  part: whether the user chose one of the mask's parts.

    threshold: the probability from which a pixel belongs to the mask.  peak: highest probability.  area_fraction:
    share of the image that the mask covers.
    word_attention: see `attention_rows`.
    presence: probability 0..1 that the image has what the expression names; null if the model does not predict it.
    verdict: the model's, "target" or "no-target"; null if it predicts no presence. For "no-target" the mask is
    empty, unless a threshold was given.
    confidence: 0..1, how stable the mask is against the threshold, times the presence; uncertainty is 1 - confidence.
    refined: whether DenseCRF made this mask.
    gate: share 0..1 of the chosen region in the answer, the rest being the dense answer's; null for models without
    regions.
    skipped: requested steps that were not done, a list of {"step", "reason"}, see `skipped_steps`.
    """
    return {
        "expression": encodable(answer.expression),
        "tokens": list(answer.tokens),
        "unknown": list(answer.unknown),
        "truncated": answer.truncated,
        "mask": file,
        "threshold": float(answer.threshold if threshold is None else threshold),
        "peak": round(answer.peak, 6),
        "area_fraction": round(float(mask.mean()), 6),
        "word_attention": attention_rows(answer),
        "presence": _rounded(answer.presence),
        "verdict": None if answer.presence is None else NO_TARGET if answer.no_target else TARGET,
        "confidence": round(1 - answer.uncertainty, 6),
        "uncertainty": round(answer.uncertainty, 6),
        "refined": refine != "none" and not _emptied(answer, threshold),
        "gate": _rounded(answer.gate),
        "skipped": skipped_steps(answer, threshold, refine, part),
    }


def skipped_steps(
    answer: Segmentation, threshold: float | None, refine: str, part: bool = False
) -> list[dict[str, str]]:
    """Requested steps that were not done, as {"step", "reason"}: "words" that the model did not read, the "refinement"
    of a mask that the verdict leaves empty, the "verdict" if a threshold overrules it, and the "parts" of the mask
    that the user left out. Arguments as of `segmentation_entry`.
    """
    steps = []
    if answer.dropped:
        words = encodable(" ".join(answer.dropped))
        steps.append(("words", f"the model reads at most {len(answer.tokens)} words; not read: {words}"))
    if refine != "none" and _emptied(answer, threshold):
        steps.append(("refinement", f"the verdict is {NO_TARGET}, so the mask is empty"))
    if answer.no_target and threshold is not None:
        steps.append(("verdict", f"the verdict is {NO_TARGET}, but the given threshold decides on the mask"))
    if part:
        steps.append(("parts", "one part of the mask was chosen; the others are left out"))
    return [{"step": step, "reason": reason} for step, reason in steps]


def attention_rows(answer: Segmentation) -> list[list[float]]:
    """L lists of T weights, each of sum 1; no list for a model without word attention."""
    levels = () if answer.word_attention is None else answer.word_attention
    return [[round(float(weight), 6) for weight in level] for level in levels]


def encodable(text: str) -> str:
    """Text that JSON in UTF-8 can hold: characters for undecodable bytes of a file name or an argument are replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _emptied(answer: Segmentation, threshold: float | None) -> bool:
    """Whether the model's verdict made the mask empty."""
    return answer.no_target and threshold is None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
