"""The uncertainty of an answer as one number, so that users can review the most uncertain answers first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STEP = 1.0  # logits to both sides of the threshold


def uncertainty_of(logits: NDArray[np.float32], threshold: float, presence: float | None) -> float:
    """0 (certain) .. 1, of logits (h, w) inside the image, a threshold in 0..1 and the probability of presence (None:
    not predicted).

    1 - stability * presence. Stability is the IoU of the masks one logit above and one below the threshold, as Segment
    Anything (Kirillov et al., 2023) rates its masks; if nothing reaches the lower one the uncertainty is 1.
    """
    cut = float(np.log(threshold / (1 - threshold)))
    wide = int(np.count_nonzero(logits >= cut - STEP))
    narrow = int(np.count_nonzero(logits >= cut + STEP))
    stability = narrow / wide if wide else 0.0
    return 1.0 - stability * (1.0 if presence is None else presence)
