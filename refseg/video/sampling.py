"""Which frames of a video are used."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refseg.errors import VideoError

MAX_FRAMES = 3600  # two minutes at 30 frames per second; about half an hour of work for a CPU
_TOLERANCE = 1e-3  # seconds; time stamps are rounded by containers


@dataclass(frozen=True)
class Sampling:
    """Which frames to use: those from `start` up to, not including, `end`, and of these every `stride`-th, or about
    `fps` per second, or all; at most `limit`.

    start, end: seconds since the first frame; end None: up to the last frame.
    Raises VideoError for values out of range, or for both `fps` and `stride`.
    """

    fps: float | None = None
    stride: int | None = None
    start: float = 0.0
    end: float | None = None
    limit: int = MAX_FRAMES

    def __post_init__(self) -> None:
        if self.fps is not None and self.stride is not None:
            raise VideoError(
                f"got {self.fps:g} frames a second and every {_ordinal(self.stride)} frame, expected one of them: leave"
                " one out"
            )
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise VideoError(f"got {self.fps:g} frames a second, expected a number above 0 and at most 1000")
        if self.stride is not None and self.stride < 1:
            raise VideoError(f"got the stride {self.stride}, expected a whole number of at least 1")
        if not (math.isfinite(self.start) and self.start >= 0):
            raise VideoError(f"got the start {self.start:g} s, expected a number of seconds of at least 0")
        if self.end is not None and not (math.isfinite(self.end) and self.end > self.start):
            raise VideoError(
                f"got the end {self.end:g} s, expected a number of seconds above the start, {self.start:g} s"
            )

    def expected(self, duration: float, rate: float) -> int:
        """Estimated number of frames used of a video with this duration in seconds and this number of frames per
        second.
        """
        length = max(0.0, min(duration, self.end if self.end is not None else duration) - self.start)
        wanted = rate / (self.stride or 1) if self.fps is None else min(self.fps, rate)
        return max(1, round(length * wanted))

    def choose(self, times: NDArray[np.float64]) -> NDArray[np.int64]:
        """Increasing indices of the frames to use, if the frames of the video are shown at `times` (N,) seconds, not
        decreasing.

        With `fps`: the frame that is shown at each multiple of 1/fps after the start, each frame once. Raises
        VideoError if none is left, or more than `limit`.
        """
        first = float(times[0]) if len(times) else 0.0
        shown = times - first
        last = math.inf if self.end is None else self.end
        inside = np.flatnonzero((shown >= self.start - _TOLERANCE) & (shown < last - _TOLERANCE))
        if not len(inside):
            part = f"from {self.start:g} s on" if self.end is None else f"from {self.start:g} s to {self.end:g} s"
            end = float(shown[-1]) if len(times) else 0.0
            raise VideoError(
                f"no frame is shown {part}, expected a part of the video, whose last frame is shown at {end:.1f} s:"
                " choose another part"
            )
        if self.fps is None:
            chosen = inside[:: self.stride or 1]
        else:
            begin, end = shown[inside[0]], shown[inside[-1]]
            times_wanted = begin + np.arange(int((end - begin + _TOLERANCE) * self.fps) + 1) / self.fps
            chosen = np.unique(np.searchsorted(shown[inside], times_wanted + _TOLERANCE, side="right") - 1)
            chosen = inside[chosen]
        self.check(len(chosen))
        return chosen.astype(np.int64)

    def check(self, count: int) -> None:
        """Raises VideoError for more frames than the limit."""
        if count > self.limit:
            raise VideoError(
                f"that would be {count:,} frames, expected at most {self.limit:,}: choose fewer frames a second, a"
                " larger stride or a shorter part"
            )


def _ordinal(number: int) -> str:
    return f"{number}{'th' if 10 <= number % 100 <= 20 else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
