"""How unsure an answer is, as one number, so that a person can look at the worst first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STEP = 1.0  # logits to both sides of the threshold


def doubt_of(logits: NDArray[np.float32], threshold: float, presence: float | None) -> float:
    """0 (sure) .. 1 of logits (h, w) inside the picture, a threshold in 0..1 and the probability that the thing is there at all (None: not known).

    One less the mask's stability times the presence. Stability is the IoU of the masks one logit above and one below the threshold, as Segment Anything
    (Kirillov et al., 2023) judges its masks; where nothing reaches the lower one the doubt is 1.
    """
    cut = float(np.log(threshold / (1 - threshold)))
    wide = int(np.count_nonzero(logits >= cut - STEP))
    narrow = int(np.count_nonzero(logits >= cut + STEP))
    stability = narrow / wide if wide else 0.0
    return 1.0 - stability * (1.0 if presence is None else presence)
