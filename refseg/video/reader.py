"""Frames of a clip by index, one at a time: decord where it is installed, PyAV elsewhere, behind one interface."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from refseg.errors import VideoError
from refseg.video.probe import UNREADABLE, ClipInfo, frame_times, opened, probe
from refseg.video.sampling import Sampling

UintImage = NDArray[np.uint8]
_log = logging.getLogger(__name__)


class FrameSource(Protocol):
    """Stored frames, not yet turned upright."""

    def frames(self, indices: Sequence[int]) -> Iterator[UintImage]:
        """The frames with these increasing indices, uint8 (H, W, 3) RGB; at most a few are in memory. Raises VideoError at the first that cannot be
        decoded."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


@dataclass(frozen=True)
class Frame:
    """number: 0, 1, ... among the frames used.  index: in the clip.  time: seconds from the clip's first frame.  image (H, W, 3) uint8 RGB, upright."""

    number: int
    index: int
    time: float
    image: UintImage


@dataclass(frozen=True)
class Clip:
    """A clip with the frames of it that are to be used: indices (N,), and their times (N,) in seconds from the first frame of the clip.

    stamps (M,): of all its frames, as the file counts seconds; see `frame_times`.
    """

    info: ClipInfo
    indices: NDArray[np.int64]
    times: NDArray[np.float64]
    stamps: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def total(self) -> int:
        """Frames that the clip has, used or not."""
        return len(self.stamps)

    @property
    def rate(self) -> float:
        """Frames a second of the frames used, on average; the clip's own where there is one frame only."""
        span = float(self.times[-1] - self.times[0])
        return (len(self) - 1) / span if span > 0 else float(self.info.rate)

    def frames(self) -> Iterator[Frame]:
        """One frame after the other. Where the clip is damaged, those before the damage, then VideoError."""
        with closing(open_source(self.info, self.stamps)) as source:
            images = source.frames(self.indices.tolist())
            for number, (index, time) in enumerate(zip(self.indices.tolist(), self.times.tolist(), strict=True)):
                try:
                    image = next(images)
                except (VideoError, StopIteration) as error:
                    raise VideoError(
                        f"{self.info.name} can be read up to {time:.1f} s only, then it is damaged or cut off: what comes before can be used"
                    ) from error
                yield Frame(number, index, time, np.ascontiguousarray(np.rot90(image, self.info.rotation)))


def open_clip(path: str, sampling: Sampling | None = None) -> Clip:
    """Look at a clip and choose its frames; nothing but the first frame is decoded. Raises VideoError."""
    sampling = sampling or Sampling()
    info = probe(path)
    if sampling.expected(info.duration, float(info.rate)) > 2 * sampling.limit:  # hours: say so before looking through gigabytes
        sampling.check(sampling.expected(info.duration, float(info.rate)))
    stamps = frame_times(path)
    indices = sampling.choose(stamps)
    return Clip(info, indices, stamps[indices] - stamps[0], stamps)


def open_source(info: ClipInfo, stamps: NDArray[np.float64]) -> FrameSource:
    """decord for a clip that lies upright and in which it sees as many frames as the container lists, with these `frame_times`; PyAV for the others
    (decord garbles turned ones) and where there is no decord."""
    if info.rotation:
        return PyavSource(info, stamps)
    try:
        return DecordSource(info, len(stamps))
    except ImportError:
        pass
    except VideoError as error:
        _log.debug("decord cannot be used: %s", error)
    return PyavSource(info, stamps)


class DecordSource:
    """Seeks to any frame. Raises ImportError where decord is not installed, VideoError where it does not see the clip as it is."""

    def __init__(self, info: ClipInfo, total: int) -> None:
        import decord

        decord.logging.set_level(decord.logging.FATAL)
        try:
            self._reader = decord.VideoReader(str(info.path), ctx=decord.cpu(0), num_threads=1)
        except Exception as error:  # its own classes, RuntimeError among them
            raise VideoError(f"{info.name} cannot be read by decord ({type(error).__name__})") from error
        if len(self._reader) != total:
            raise VideoError(f"{info.name} has {total} frames, decord sees {len(self._reader)}")
        self._name = info.name

    def frames(self, indices: Sequence[int]) -> Iterator[UintImage]:
        """See `FrameSource`."""
        for index in indices:
            try:
                yield self._reader[index].asnumpy()
            except Exception as error:
                raise VideoError(f"frame {index} of {self._name} cannot be decoded") from error

    def close(self) -> None:
        """See `FrameSource`."""
        del self._reader


class PyavSource:
    """Decodes in order; jumps to the key frame before the next frame wanted where that is far ahead. stamps: the clip's `frame_times`."""

    _FAR = 48  # frames; key frames seldom lie closer

    def __init__(self, info: ClipInfo, stamps: NDArray[np.float64]) -> None:
        self._name, self._stamps = info.name, stamps
        self._opened = opened(info.path)
        self._container, self._stream = self._opened.__enter__()
        self._stream.thread_type = "AUTO"

    def frames(self, indices: Sequence[int]) -> Iterator[UintImage]:
        """See `FrameSource`."""
        decoded, position = self._container.decode(self._stream), -1
        for index in indices:
            if index - position > self._FAR:
                self._container.seek(round(self._stamps[index] / float(self._stream.time_base or 1)), stream=self._stream)
                decoded = self._container.decode(self._stream)
            try:
                while position < index:
                    frame = next(decoded)
                    position = int(np.searchsorted(self._stamps, (frame.time or 0.0) - 1e-4))
                yield np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
            except (StopIteration, *UNREADABLE) as error:
                raise VideoError(f"frame {index} of {self._name} cannot be decoded") from error

    def close(self) -> None:
        """See `FrameSource`."""
        self._opened.__exit__(None, None, None)
