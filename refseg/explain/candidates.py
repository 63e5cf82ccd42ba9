"""Candidates: the separate pieces of a mask, among which the user chooses."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from refseg.inference.segmentation import Segmentation, check_threshold

LEAST_SHARE = 0.05  # of the mask; smaller pieces are seldom objects


@dataclass(frozen=True, eq=False)
class Candidate:
    """One connected component of a mask.

    number: 1, 2, ... from the strongest.  mask: bool (H, W).  box: left, top, right, bottom in pixels, the last two
    exclusive.  score: mean probability inside, from the threshold to 1.  share: its part of the whole mask's pixels,
    above 0 and at most 1.
    """

    number: int
    mask: NDArray[np.bool_] = field(repr=False)
    box: tuple[int, int, int, int]
    score: float
    share: float


def find_candidates(
    segmentation: Segmentation, threshold: float | None = None, least_share: float = LEAST_SHARE
) -> tuple[Candidate, ...]:
    """The components (8-connected) of the mask at `threshold`, the model's own without one, that have at least
    `least_share` of its pixels.

    By mean probability, highest first; equal ones by size. The result is empty for an empty mask.
    A verdict no-target is ignored, so that possible candidates are shown. Raises InputError for a threshold
    outside 0..1.
    """
    probability = segmentation.probability
    mask = probability >= check_threshold(segmentation.threshold if threshold is None else threshold)
    total = int(np.count_nonzero(mask))
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    found = []
    for label in range(1, len(statistics)):
        left, top, width, height, area = (int(value) for value in statistics[label])
        if area < least_share * total:
            continue
        inside = np.s_[top : top + height, left : left + width]
        piece = labels[inside] == label
        score = float(probability[inside][piece].mean(dtype=np.float64))
        found.append((score, area, (left, top, left + width, top + height), piece))
    found.sort(key=lambda row: row[:2], reverse=True)
    return tuple(
        Candidate(number, _at(box, piece, mask.shape), box, score, area / total)
        for number, (score, area, box, piece) in enumerate(found, start=1)
    )


def _at(box: tuple[int, int, int, int], piece: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The piece (bottom - top, right - left) at its box of an empty mask of that shape."""
    whole = np.zeros(shape, dtype=np.bool_)
    whole[box[1] : box[3], box[0] : box[2]] = piece
    return whole
