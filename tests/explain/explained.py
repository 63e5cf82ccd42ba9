"""An explanation made by hand, so that every number and pixel in it is known."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from refseg.explain.explanation import Explanation, WordLeftOut
from refseg.inference.segmentation import Segmentation
from refseg.letterbox import Letterbox
from refseg.models.system import MapDescription

LEVELS, GRID, SQUARE = 3, 16, 64


def answer(
    words: Sequence[str] = ("red", "ball"),
    *,
    image: NDArray[np.uint8] | None = None,
    logits: NDArray[np.float32] | None = None,
    unknown: Sequence[str] = (),
    dropped: Sequence[str] = (),
    presence: float | None = 0.75,
    expression: str | None = None,
) -> Segmentation:
    """An answer about `image`, a grey 40 x 80 without one; without `logits` its left half is the mask.

    On each level word i has i + 1 parts of the attention, and is attended from the i-th column of the grid most.
    """
    picture = np.full((40, 80, 3), 128, np.uint8) if image is None else image
    if logits is None:
        logits = np.full((GRID, GRID), -4, np.float32)
        logits[:, : GRID // 2] = 4
    shares = np.arange(1, len(words) + 1, dtype=np.float32)
    maps = np.ones((LEVELS, len(words), GRID, GRID), np.float32)
    for word in range(len(words)):
        maps[:, word, :, word % GRID] = 5
    return Segmentation(
        expression=" ".join(words) if expression is None else expression,
        image=picture,
        letterbox=Letterbox(*picture.shape[:2], SQUARE),
        tokens=tuple(words),
        unknown=tuple(unknown),
        dropped=tuple(dropped),
        suggestions={word: ["ball"] for word in unknown},
        threshold=0.5,
        presence=presence,
        presence_threshold=0.25,
        logits=logits,
        strongest=np.arange(GRID * GRID, dtype=np.float32).reshape(GRID, GRID),
        word_attention=np.stack([shares / shares.sum()] * LEVELS),
        word_maps=maps / maps.sum(1, keepdims=True),
        maps={
            "memory_gate": np.stack([np.full((GRID, GRID), 0.2 * level, np.float32) for level in range(LEVELS)]),
            "reset_gate": np.stack([np.full((GRID, GRID), 1 - 0.2 * level, np.float32) for level in range(LEVELS)]),
        },
        map_descriptions={
            name: MapDescription(name.replace("_", " ").capitalize(), f"About the {name}.")
            for name in ("memory_gate", "reset_gate")
        },
    )


def explanation(original: Segmentation, ious: Sequence[float] | None = None) -> Explanation:
    """Without word i the mask begins i + 1 columns of the grid further right, and ends as much further right; IoUs are
    made up. A single word leaves nothing."""
    left_out = []
    for word, text in enumerate(original.tokens):
        shifted = answer(logits=np.roll(original.logits, word + 1, axis=1), image=original.image, presence=0.5)
        left_out.append(
            WordLeftOut(
                word=word,
                text=text,
                segmentation=None if len(original.tokens) == 1 else shifted,
                iou=(0.1 * (word + 1) % 1) if ious is None else ious[word],
                presence_change=None
                if len(original.tokens) == 1 or original.presence is None
                else 0.5 - original.presence,
                original=original,
                threshold=0.5,
            )
        )
    return Explanation(original, tuple(left_out), 0.5)
