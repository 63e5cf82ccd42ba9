"""Segments videos frame by frame. Memory is bounded by the window of frames, not by the length of the video."""

from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from refseg.errors import VideoError
from refseg.images import Letterbox
from refseg.inference.predictor import Predictor
from refseg.inference.segmentation import Segmentation
from refseg.language import Expression
from refseg.models.cfsa import Pooled
from refseg.models.config import LEVELS
from refseg.models.encoded import SeenImages
from refseg.models.linking import link_choices
from refseg.models.network import ReferringNetwork
from refseg.models.selection import Selected
from refseg.models.sliding import SlidingAttention, window_around
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
    seen: SeenImages


class VideoPredictor:
    """Segments the frames of videos with a predictor for images. Thread-safe as that is; keeps no state of any user."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    def segment(self, path: str | Path, expression: str, sampling: Sampling | None = None) -> Iterator[FrameResult]:
        """A result for each chosen frame, in order, tau frames behind the reading.

        The video and the expression are checked before this returns: raises VideoError or ExpressionError. If the video
        turns out to be damaged, the iterator yields the results up to there, then raises VideoError. Closing the iterator
        stops the work and closes the file.
        """
        return self.run(open_clip(str(path), sampling), expression)

    def run(self, clip: FrameStream, expression: str) -> Iterator[FrameResult]:
        """The same for a clip that is already open."""
        return self._answers(clip, self.predictor.tokeniser.encode(expression))

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
    """One expression and one clip in progress: what its last 2 tau + 1 frames leave behind."""

    def __init__(self, predictor: Predictor, expression: Expression) -> None:
        self._predictor, self._expression = predictor, expression
        config = predictor.config
        # Without attention across frames or choices to link, a frame need not wait for those after it.
        self._across = config.cross_frame > 0
        self._tau = config.tau if self._across or config.regions else 0
        tokens, valid = predictor.tokeniser.batch([expression])
        self._tokens, self._valid = torch.from_numpy(tokens).to(predictor.device), torch.from_numpy(valid).to(predictor.device)
        self._pending: deque[_Pending] = deque()
        self._choices: deque[tuple[Tensor, Selected]] = deque(maxlen=2 * self._tau + 1)  # boxes (N, 4) of a frame and the choice among them
        self._sliding: list[SlidingAttention] = []
        self._pushed = 0

    def push(self, frame: Frame) -> None:
        """See the next frame."""
        letterbox, pixels, windows = self._predictor.square(frame.image)
        with self._predictor.running() as network:
            seen = self._predictor.without_overflow(network.see, pixels, windows)
            if self._across:
                self._sliding = self._sliding or [SlidingAttention(network.cross_frame[level], self._tau) for level in range(LEVELS)]  # type: ignore[arg-type]
                for sliding, visual in zip(self._sliding, seen.visual, strict=True):
                    sliding.push(visual, seen.grid)
            if seen.regions is not None and seen.described is not None:
                index = torch.zeros(1, dtype=torch.int64, device=self._tokens.device)
                self._choices.append((seen.regions.boxes[0], network.select(seen.described, self._tokens, self._valid, index)))
        self._pending.append(_Pending(frame, letterbox, seen))
        self._pushed += 1

    def pop(self, complete: bool) -> FrameResult | None:
        """The next answer; None where its window is not there yet and more frames may come (unless the clip is `complete`), or none is pending."""
        if not self._pending:
            return None
        target = self._pending[0].frame.number
        first, last = window_around(target, self._tau, self._pushed if complete else None)
        if last >= self._pushed:
            return None
        pending = self._pending.popleft()
        with self._predictor.running() as network:
            seen, weights = self._respond(network, pending.seen, first, last)
            encoded = self._predictor.encoded(pending.frame.image, pending.letterbox, network.relate(seen))
            selected = self._linked(target, first, last, weights.mean(0))
        (answer,) = self._predictor.answer(encoded, [self._expression], selected)
        return FrameResult(pending.frame, answer, (first, last), weights.float().cpu().numpy())

    def _respond(self, network: ReferringNetwork, seen: SeenImages, first: int, last: int) -> tuple[SeenImages, Tensor]:
        """V_t + V^ of the window, and the weights (L, F) of its frames."""
        if not self._across:
            frames = last - first + 1
            return seen, torch.full((LEVELS, frames), 1 / frames, device=self._tokens.device)
        window: list[Pooled] = [sliding.pool(first, last) for sliding in self._sliding]
        return network.respond(seen, window), torch.stack([pooled.weights for pooled in window])

    def _linked(self, target: int, first: int, last: int, weights: Tensor) -> Selected | None:
        """The choice in the target frame, made along the chains of its regions."""
        if not self._choices:
            return None
        oldest = self._pushed - len(self._choices)
        window = [self._choices[number - oldest] for number in range(first, last + 1)]
        logits = link_choices([boxes for boxes, _ in window], [choice.logits for _, choice in window], target - first, weights)
        return window[target - first][1]._replace(logits=logits)
