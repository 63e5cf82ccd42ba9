"""Names and phrases of explanations, the same on the page, in figures and in reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from refseg.inference.segmentation import Segmentation

LEVELS = ("early features", "middle features", "late features")


def level_names(levels: int) -> tuple[str, ...]:
    """Names of the levels of `word_attention`, from the backbone's first to its last."""
    return LEVELS if levels == len(LEVELS) else tuple(f"level {i + 1}" for i in range(levels))


def verdict(answer: Segmentation) -> str:
    """A sentence about whether the image has what the expression names; "" if the model predicts no presence."""
    if answer.presence is None:
        return ""
    if answer.no_target:
        return f"Maybe not in this image: the probability that it is present is only {answer.presence:.0%}."
    return f"Probability that it is present in this image: {answer.presence:.0%}."


def signed(change: float | None) -> str:
    """A change of a probability with its sign and two decimals, a true minus; a dash if unknown."""
    if change is None:
        return "\u2013"
    text = f"{change:+.2f}".replace("-", "\u2212")
    return "0.00" if text[1:] == "0.00" else text
