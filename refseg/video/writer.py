"""Writes videos that browsers play: H.264, yuv420p, even sides, MP4 with its index first."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from refseg.errors import VideoError
from refseg.files import replacing

LARGEST_SIDE = 1920  # pixels; phones decode this size, and a CPU encodes it fast enough
_CLOCK = 90_000  # ticks per second: a multiple of the usual frame rates
_SLOWEST = Fraction(1, 1001)  # frames per second
SQUARE = Fraction(1)


class ClipWriter:
    """Made by `write_clip`. Each frame has its own time, so a video may have a variable frame rate."""

    def __init__(self, container: OutputContainer, rate: Fraction, pixel_aspect: Fraction) -> None:
        self._container, self._rate, self._pixel_aspect = container, rate, pixel_aspect
        self._stream: VideoStream | None = None
        self._last = -1
        self.count = 0

    def add(self, image: NDArray[np.uint8], time: float) -> None:
        """image (H, W, 3) uint8 RGB, all of one size; time in seconds, increasing. Images with a side above
        LARGEST_SIDE are scaled down; odd sides gain a row or column."""
        fitted = _fitted(image)
        if self._stream is None:
            self._stream = self._add_stream(*fitted.shape[:2])
        frame = av.VideoFrame.from_ndarray(fitted, format="rgb24")
        self._last = max(self._last + 1, round(time * _CLOCK))
        frame.pts, frame.time_base = self._last, Fraction(1, _CLOCK)
        self._container.mux(self._stream.encode(frame))
        self.count += 1

    def finish(self) -> None:
        """Writes the frames that the encoder has buffered."""
        if self._stream is not None:
            self._container.mux(self._stream.encode())

    def _add_stream(self, height: int, width: int) -> VideoStream:
        stream = self._container.add_stream("libx264", rate=self._rate, options={"preset": "veryfast", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, _CLOCK)
        stream.codec_context.sample_aspect_ratio = self._pixel_aspect
        return stream


@contextmanager
def write_clip(path: str | Path, rate: float, pixel_aspect: Fraction = SQUARE) -> Iterator[ClipWriter]:
    """A writer whose video replaces `path` if the block ends without an error; otherwise no file is left.

    rate: average number of frames per second.  pixel_aspect: width of a pixel over its height. Raises VideoError if the
    file cannot be written.
    """
    with replacing(path) as temporary:
        try:
            container = av.open(str(temporary), mode="w", format="mp4", options={"movflags": "faststart"})
            with container:
                writer = ClipWriter(container, max(_SLOWEST, Fraction(rate).limit_denominator(1001)), pixel_aspect)
                yield writer
                writer.finish()
        except av.error.FFmpegError as error:
            raise VideoError(
                f"cannot write {Path(path).name} ({error.strerror}): make room on the disk or choose another place"
            ) from error
        if not writer.count:
            raise VideoError(f"there is no frame to write to {Path(path).name}, expected at least one")


def _fitted(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image with sides of at most LARGEST_SIDE pixels, both even: an odd one repeats its last row or column."""
    height, width = image.shape[:2]
    if max(height, width) > LARGEST_SIDE:
        scale = LARGEST_SIDE / max(height, width)
        image = np.asarray(
            cv2.resize(
                image, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA
            )
        )
        height, width = image.shape[:2]
    return (
        np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        if height % 2 or width % 2
        else np.ascontiguousarray(image)
    )
