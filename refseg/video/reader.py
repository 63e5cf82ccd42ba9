"""A video with the frames of it that are used, read one at a time.

Frame n is the n-th frame that a player shows. Frames keep the pixels that the file stores, turned and mirrored as its
display matrix says. They are not stretched if pixels are not square, and not deinterlaced, so that masks have the size
of the frames that other tools extract.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from refseg.errors import VideoError
from refseg.video.frame_index import FrameIndex
from refseg.video.frame_reader import FrameReader
from refseg.video.index_cache import distrust_packets, read_index
from refseg.video.probe import ClipInfo, probe
from refseg.video.sampling import Sampling

UintImage = NDArray[np.uint8]


@dataclass(frozen=True)
class Frame:
    """A frame that is used.

    number: 0, 1, ... among the frames used.  index: in the video.  time: seconds since the video's first frame.
    image (H, W, 3): uint8 RGB, upright.
    """

    number: int
    index: int
    time: float
    image: UintImage


@dataclass(frozen=True)
class Clip:
    """A video and the frames of it that are used.

    indices (N,): of the frames used, increasing.  times (N,): theirs, in seconds since the first frame of the video.
    all_frames: every frame of the video, used or not.
    broken: why frames that were asked for are missing at the end, None if none is missing.
    """

    info: ClipInfo
    indices: NDArray[np.int64]
    times: NDArray[np.float64]
    all_frames: FrameIndex
    broken: str | None = None

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def stamps(self) -> NDArray[np.float64]:
        """Seconds (M,) at which each frame of the video is shown, as the file counts them."""
        return self.all_frames.stamps

    @property
    def total(self) -> int:
        """Number of frames that the video shows, used or not."""
        return len(self.all_frames)

    @property
    def rate(self) -> float:
        """Average number of used frames per second; the video's own if one frame is used."""
        span = float(self.times[-1] - self.times[0])
        return (len(self) - 1) / span if span > 0 else float(self.info.rate)

    def part(self, numbers: list[int]) -> "Clip":
        """The clip with some of the frames used, by their increasing numbers among them."""
        return replace(self, indices=self.indices[numbers], times=self.times[numbers], broken=None)

    def frames(self) -> Iterator[Frame]:
        """The frames used, in order. If the video is damaged: those before the damage, then VideoError."""
        with FrameReader(self.info, self.all_frames) as reader:
            images = reader.frames(self.indices.tolist())
            for number, (index, time) in enumerate(zip(self.indices.tolist(), self.times.tolist(), strict=True)):
                try:
                    image = next(images)
                except VideoError as error:
                    if self.all_frames.broken is None:
                        distrust_packets(self.info.path)
                    raise self._damage(time, str(error)) from error
                yield Frame(number, index, time, image)
        if self.broken is not None:
            raise self._damage(float(self.stamps[-1] - self.stamps[0]), self.broken)

    def _damage(self, time: float, reason: str) -> VideoError:
        return VideoError(
            f"{self.info.name} can be read up to {time:.1f} s only, {reason}: use the frames before, or save the video"
            " again"
        )


def open_clip(path: str, sampling: Sampling | None = None) -> Clip:
    """Lists the frames of a video and chooses those to use. Raises VideoError.

    The whole video is decoded for that only if its packets do not list its frames, and once as long as the file stays.
    """
    sampling = sampling or Sampling()
    info = probe(path)
    rate = float(info.rate)
    if (expected := sampling.expected(info.duration, rate)) > 2 * sampling.limit:  # refuse before gigabytes are read
        sampling.check(expected)
    index = read_index(path)
    shown = index.stamps - index.stamps[0]
    indices = sampling.choose(index.stamps)
    last = float(np.median(np.diff(shown))) if len(shown) > 1 else 1 / rate  # how long the last frame is shown
    duration = float(shown[-1]) + last
    is_complete = sampling.end is not None and sampling.end <= duration
    info = replace(info, duration=duration)
    return Clip(info, indices, shown[indices], index, None if is_complete else index.broken)
