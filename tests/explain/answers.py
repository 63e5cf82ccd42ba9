"""Answers made by hand."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refseg.inference.segmentation import Segmentation
from refseg.letterbox import Letterbox


def answer_with(probability: NDArray[np.float32], **changes: Any) -> Segmentation:
    """An answer of that probability (H, W), 0..1 exclusive."""
    height, width = probability.shape
    nothing = np.zeros((3, 1), np.float32)
    known: dict[str, Any] = {
        "expression": "thing",
        "image": np.zeros((height, width, 3), np.uint8),
        "letterbox": Letterbox(height, width, max(height, width)),
        "tokens": ("thing",),
        "unknown": (),
        "dropped": (),
        "suggestions": {},
        "threshold": 0.5,
        "presence": None,
        "word_attention": nothing,
        "strongest": nothing,
        "word_maps": nothing,
    }
    known["logits"] = known["letterbox"].forward(
        np.log(probability / (1 - probability)).astype(np.float32), value=-20.0
    )
    return Segmentation(**{**known, **changes})
