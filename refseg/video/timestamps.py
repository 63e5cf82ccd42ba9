"""Presentation time stamps as files have them: missing, in disorder, or starting again in the middle."""

import numpy as np
from numpy.typing import NDArray

NO_TIME: int = int(np.iinfo(np.int64).min)  # of a frame without a time stamp in the file

MAX_REORDERING = 16  # frames: the most that H.264 and HEVC allow


def steady_ticks(ticks: list[int], step: int) -> NDArray[np.int64]:
    """When each frame is shown, never decreasing.

    ticks: time stamps (M,) of the frames in the order in which they are shown, NO_TIME for those without one.
    step: between two frames, for those without one.

    AVI stores the order of decoding: the stamps are then right, but in disorder within a few frames, and are sorted.
    If a stamp falls back because a recorder has restarted its clock, it is replaced by the one before plus a step, and
    the stamps after it are shifted by the same amount.
    """
    if NO_TIME not in ticks:
        order = np.argsort(ticks, kind="stable")
        if np.abs(order - np.arange(len(ticks))).max() <= MAX_REORDERING:
            return np.asarray(ticks, dtype=np.int64)[order]
    steady: list[int] = []
    shift = 0
    for tick in ticks:
        if not steady:
            steady.append(0 if tick == NO_TIME else tick)
        elif tick == NO_TIME:
            steady.append(steady[-1] + step)
        else:
            if tick + shift < steady[-1]:
                shift = steady[-1] + step - tick
            steady.append(tick + shift)
    return np.asarray(steady, dtype=np.int64)


def count_before_gap(ticks: list[int]) -> int:
    """How many frames of a file with a missing end can be used: its last frames can lack others between them.

    A gap between the last time stamps shows where. If stamps are missing or in disorder, the last MAX_REORDERING frames
    are not used.
    """
    gaps = np.diff(np.asarray(ticks, dtype=np.float64))
    if NO_TIME in ticks or (gaps < 0).any():
        return max(1, len(ticks) - MAX_REORDERING)
    first = max(0, len(gaps) - MAX_REORDERING)
    for number in range(first, len(gaps)):
        if gaps[number] > 1.5 * np.median(gaps):
            return number + 1
    return len(ticks)
