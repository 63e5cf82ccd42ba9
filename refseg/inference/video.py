"""Segments videos frame by frame. Memory is bounded by the window of frames, not by the length of the video."""

from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from refseg.errors import VideoError
from refseg.inference.predictor import Predictor
from refseg.inference.segmentation import Segmentation
from refseg.language import Expression
from refseg.letterbox import Letterbox
from refseg.models.clips import StillReader
from refseg.models.system import ClipReader, ReadsVideos
from refseg.video.reader import Frame, open_clip
from refseg.video.sampling import Sampling


class FrameStream(Protocol):
    """Frames numbered 0, 1, ... in order; see `refseg.video.reader.Clip`."""

    def frames(self) -> Iterator[Frame]:
        """The frames in order; raises VideoError from where the video is damaged."""
        ...


@dataclass(frozen=True, eq=False)
class FrameResult:
    """The answer for one frame.

    frame: number, index, time and image.  segmentation: as for an image.
    window: numbers of the first and last frame of the window.
    weights (L, F): of its frames on each level, a of Eq. 10, rows sum to 1; uniform for a network of single images.
    """

    frame: Frame
    segmentation: Segmentation
    window: tuple[int, int]
    weights: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _Pending:
    """A frame that has been encoded and waits for the last frame of its window."""

    frame: Frame
    letterbox: Letterbox
    features: Any


class VideoPredictor:
    """Segments the frames of videos with a predictor for images. Thread-safe as that is; has no state of any user."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    def segment(self, path: str | Path, expression: str, sampling: Sampling | None = None) -> Iterator[FrameResult]:
        """A result for each chosen frame, in order, tau frames behind the reading.

        The video and the expression are checked before this returns: raises VideoError or ExpressionError. If the video
        turns out to be damaged, the iterator yields the results up to there, then raises VideoError. Closing the
        iterator stops the work and closes the file.
        """
        return self.run(open_clip(str(path), sampling), expression)

    def run(self, clip: FrameStream, expression: str) -> Iterator[FrameResult]:
        """The same for a clip that is already open."""
        return self._answers(clip, self.predictor.tokenizer.encode(expression))

    def _answers(self, clip: FrameStream, expression: Expression) -> Iterator[FrameResult]:
        stream = _Stream(self.predictor, expression)
        damage: VideoError | None = None
        with closing(clip.frames()) as frames:  # type: ignore[type-var]  # a generator
            while True:
                try:
                    frame = next(frames)
                except StopIteration:
                    break
                except VideoError as error:
                    damage = error
                    break
                stream.push(frame)
                while (result := stream.pop(complete=False)) is not None:
                    yield result
        while (result := stream.pop(complete=True)) is not None:
            yield result
        if damage is not None:
            raise damage


class _Stream:
    """One expression and one clip in progress."""

    def __init__(self, predictor: Predictor, expression: Expression) -> None:
        self._predictor, self._expression = predictor, expression
        tokens, valid = (
            torch.from_numpy(array).to(predictor.device) for array in predictor.tokenizer.batch([expression])
        )
        with predictor.running() as system:
            self._reader: ClipReader = (
                system.open_clip(tokens, valid) if isinstance(system, ReadsVideos) else StillReader(system)
            )
        self._pending: deque[_Pending] = deque()
        self._pushed = 0

    def push(self, frame: Frame) -> None:
        """Read the next frame."""
        letterbox, pixels, windows = self._predictor.letterbox(frame.image)
        with self._predictor.running():
            features = self._predictor.retry_in_float32(self._reader.read, pixels, windows)
            self._reader.push(features)
        self._pending.append(_Pending(frame, letterbox, features))
        self._pushed += 1

    def pop(self, complete: bool) -> FrameResult | None:
        """The next answer; None if none is pending, or if frames of its window are missing and more may come (the clip
        is not `complete`).
        """
        if not self._pending:
            return None
        target = self._pending[0].frame.number
        first, last = window_around(target, self._reader.tau, self._pushed if complete else None)
        if last >= self._pushed:
            return None
        pending = self._pending.popleft()
        with self._predictor.running():
            features, weights = self._reader.encode(pending.features, target, first, last)
        encoded = self._predictor.encoded(pending.frame.image, pending.letterbox, features)
        (answer,) = self._predictor.answer(encoded, [self._expression])
        return FrameResult(pending.frame, answer, (first, last), weights.float().cpu().numpy())


def window_around(target: int, tau: int, frames: int | None = None) -> tuple[int, int]:
    """First and last frame of the window of a frame, cut at the ends of a clip of `frames` (None: of unknown
    length).
    """
    last = target + tau
    return max(0, target - tau), last if frames is None else min(last, frames - 1)
