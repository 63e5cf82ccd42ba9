"""What a file holds, before a frame of it is decoded: is it a clip at all, how large, how long, which way up."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from refseg.errors import VideoError

UNREADABLE = (av.error.FFmpegError, OSError, ValueError)  # what PyAV raises for files that are not what they should be

MAX_FRAME_PIXELS = 8192 * 4320
MAX_BYTES = 8_000_000_000

# FFmpeg knows formats that are lists of other files or addresses: a clip must not make it open those. Older builds read less than they list.
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,gif,asf,flv,ogg"
_MAGIC = {
    0: (
        b"\x1a\x45\xdf\xa3",
        b"RIFF",
        b"GIF87a",
        b"GIF89a",
        b"\x00\x00\x01\xba",
        b"\x00\x00\x01\xb3",
        b"\x47",
        b"OggS",
        b"FLV\x01",
        b"\x30\x26\xb2\x75",
    ),
    4: (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"),
}


@dataclass(frozen=True)
class ClipInfo:
    """height, width: upright, in pixels.  rotation: quarter turns counter-clockwise that bring a stored frame upright, 0..3.
    duration: seconds, 0 where the file does not say.  rate: frames a second, on average.  audio: whether there is sound beside the pictures."""

    path: Path
    height: int
    width: int
    rotation: int
    duration: float
    rate: Fraction
    audio: bool

    @property
    def name(self) -> str:
        """The file's name, for messages."""
        return self.path.name


def probe(path: str | Path) -> ClipInfo:
    """Look at a clip's headers. Raises VideoError for what is no clip, has no pictures or too large ones."""
    path = Path(path)
    with opened(path) as (container, stream):
        rotation = _quarter_turns(container, stream, path.name)
        height, width = stream.codec_context.height, stream.codec_context.width
        if height < 1 or width < 1:
            raise VideoError(f"{path.name} holds pictures of {width} x {height} pixels, expected at least 1 x 1: it may be damaged")
        if height * width > MAX_FRAME_PIXELS:
            raise VideoError(
                f"{path.name} has frames of {width} x {height} pixels, expected at most {MAX_FRAME_PIXELS / 1e6:.0f} megapixels: scale it down"
            )
        duration = _duration(container, stream)
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        if rotation % 2:
            height, width = width, height
        return ClipInfo(path, height, width, rotation, duration, Fraction(rate), bool(container.streams.audio))


def frame_times(path: str | Path) -> NDArray[np.float64]:
    """Seconds at which each frame is shown, increasing, (N,): read off the packets, nothing is decoded. Raises VideoError where there is none."""
    path = Path(path)
    with opened(path) as (container, stream):
        base = float(stream.time_base or Fraction(1, 25))
        try:
            stamps = [packet.pts for packet in container.demux(stream) if packet.pts is not None and packet.size]
        except UNREADABLE as error:
            raise VideoError(f"{path.name} cannot be looked through ({_reason(error)}): it may be damaged, save it again as MP4") from error
    if not stamps:
        raise VideoError(f"{path.name} holds no frame, expected at least one: it may be cut off, record or save it again")
    return np.asarray(np.unique(np.asarray(stamps, dtype=np.int64)) * base, dtype=np.float64)


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container and its first stream of pictures. Raises VideoError."""
    _check_file(path)
    try:
        container = av.open(str(path), options={"format_whitelist": FORMATS, "protocol_whitelist": "file"})
    except UNREADABLE as error:
        raise VideoError(
            f"{path.name} cannot be read as a clip ({_reason(error)}): it may be damaged or cut off, save it again as MP4"
        ) from error
    with container:
        streams = [stream for stream in container.streams.video if not stream.disposition & av.stream.Disposition.attached_pic]
        if not streams:
            sound = " but sound" if container.streams.audio else ""
            raise VideoError(f"{path.name} holds nothing{sound}, expected moving pictures: choose another file")
        yield container, streams[0]


def _check_file(path: Path) -> None:
    """The first bytes must be those of a clip, whatever the name says."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise VideoError(f"cannot read {path.name}: {error.strerror or error}; expected a clip that exists and may be read") from error
    if size > MAX_BYTES:
        raise VideoError(f"{path.name} has {size / 1e9:.1f} GB, expected at most {MAX_BYTES / 1e9:.0f} GB: cut it")
    known = any(head[place : place + len(magic)] == magic for place, magics in _MAGIC.items() for magic in magics)
    if not known:
        what = "an empty file" if not size else "no clip"
        raise VideoError(f"{path.name} is {what}, whatever its name says; expected MP4, MOV, WebM, MKV, AVI or GIF: choose another file")


def _duration(container: InputContainer, stream: VideoStream) -> float:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration else 0.0


def _quarter_turns(container: InputContainer, stream: VideoStream, name: str) -> int:
    """Phones store frames as the sensor has them and say how to turn them; the turn is part of the first frame. Raises VideoError."""
    try:
        frame = next(container.decode(stream), None)
    except UNREADABLE as error:
        raise VideoError(f"{name} cannot be decoded ({_reason(error)}): it may be damaged, save it again as MP4 (H.264)") from error
    if frame is None:
        raise VideoError(f"{name} holds no frame, expected at least one: it may be cut off, record or save it again")
    return round(frame.rotation / 90) % 4


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or " ".join(str(error).split())[:200] or type(error).__name__
