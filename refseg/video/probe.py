"""Checks a file before it is read: whether it is a video, its frame size, its duration and its orientation."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from refseg.errors import VideoError
from refseg.video.decoding import UNREADABLE, decode_frames, error_text
from refseg.video.orientation import Orientation

MAX_FRAME_PIXELS = 8192 * 4320
MAX_BYTES = 8_000_000_000

# FFmpeg also reads lists of other files and addresses: an upload must not make it open those.
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,gif,asf,flv,ogg"
_MAGIC = {
    0: (
        b"\x1a\x45\xdf\xa3",
        b"RIFF",
        b"GIF87a",
        b"GIF89a",
        b"\x00\x00\x01\xba",
        b"\x00\x00\x01\xb3",
        b"OggS",
        b"FLV\x01",
        b"\x30\x26\xb2\x75",
    ),
    4: (b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"),
}
_TRANSPORT_PACKETS = (188, 192, 204)  # bytes; 192 in AVCHD, 204 with error correction


@dataclass(frozen=True)
class ClipInfo:
    """Facts of a video file.

    height, width: of a frame as shown, in stored pixels.  orientation: how a stored frame is turned for that.
    pixel_aspect: width of a pixel as shown over its height; frames are not stretched, see `refseg.video.reader`.
    duration: seconds, 0 if the file does not have it.  rate: frames per second, on average.  audio: whether there is
    sound.
    """

    path: Path
    height: int
    width: int
    orientation: Orientation
    pixel_aspect: Fraction
    duration: float
    rate: Fraction
    audio: bool

    @property
    def name(self) -> str:
        """The file's name, for messages."""
        return self.path.name


def probe(path: str | Path) -> ClipInfo:
    """Reads the headers and the first frame. Raises VideoError if the file is no video or its frames are too large."""
    path = Path(path)
    with opened(path) as (container, stream):
        _check_size(path.name, stream.codec_context.height, stream.codec_context.width)
        frame = _first_frame(container, stream, path.name)
        _check_size(path.name, frame.height, frame.width)
        try:
            orientation = Orientation.of_frame(frame)
        except VideoError as error:
            raise VideoError(f"{path.name}: {error}") from error
        height, width = orientation.size(frame.height, frame.width)
        aspect = Fraction(stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or 1)
        aspect = aspect if aspect > 0 else Fraction(1)
        return ClipInfo(
            path,
            height,
            width,
            orientation,
            1 / aspect if orientation.transpose else aspect,
            _duration(container, stream),
            Fraction(stream.average_rate or stream.guessed_rate or 25),
            bool(container.streams.audio),
        )


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container and the video stream that players show. Raises VideoError.

    Of several streams: one marked as default before others, then the largest; never cover art.
    """
    _check_file(path)
    try:
        container = av.open(str(path), options={"format_whitelist": FORMATS, "protocol_whitelist": "file"})
    except UNREADABLE as error:
        raise VideoError(
            f"{path.name} cannot be read as a video ({error_text(error)}): it may be damaged or cut off, save it again"
            " as MP4"
        ) from error
    with container:
        streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
        if not streams:
            sound = " but sound" if container.streams.audio else ""
            raise VideoError(f"{path.name} contains nothing{sound}, expected a video: choose another file")
        shown = max(streams, key=lambda one: (bool(one.disposition & Disposition.default), one.width * one.height))
        shown.thread_type = "AUTO"
        yield container, shown


def _first_frame(container: InputContainer, stream: VideoStream, name: str) -> av.VideoFrame:
    try:
        frame = next(decode_frames(container, stream), None)
    except VideoError as error:
        raise VideoError(f"{name} cannot be decoded ({error}): save it again as MP4 (H.264)") from error
    if frame is None:
        raise VideoError(f"{name} has no frame, expected at least one: it may be cut off, record or save it again")
    return frame


def _check_file(path: Path) -> None:
    """Checks that the first bytes are those of a video, independent of the file's name."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(4 * max(_TRANSPORT_PACKETS))
    except OSError as error:
        raise VideoError(
            f"cannot read {path.name}: {error.strerror or error}; expected a video that exists and may be read"
        ) from error
    if size > MAX_BYTES:
        raise VideoError(f"{path.name} has {size / 1e9:.1f} GB, expected at most {MAX_BYTES / 1e9:.0f} GB: cut it")
    is_known = any(head[place : place + len(magic)] == magic for place, magics in _MAGIC.items() for magic in magics)
    if not is_known and not _is_transport_stream(head):
        what = "an empty file" if not size else "no video"
        raise VideoError(
            f"{path.name} is {what}, whatever its name says; expected MP4, MOV, WebM, MKV, AVI, MPEG or GIF: choose"
            " another file"
        )


def _is_transport_stream(head: bytes) -> bool:
    """Whether each packet begins with the synchronization byte. A recording can begin in the middle of a packet."""
    starts = (head[start::length] for length in _TRANSPORT_PACKETS for start in range(length))
    return any(len(start) > 1 and set(start) == {0x47} for start in starts)


def _check_size(name: str, height: int, width: int) -> None:
    if height < 1 or width < 1:
        raise VideoError(f"{name} has frames of {width} x {height} pixels, expected at least 1 x 1: it may be damaged")
    if height * width > MAX_FRAME_PIXELS:
        raise VideoError(
            f"{name} has frames of {width} x {height} pixels, expected at most {MAX_FRAME_PIXELS / 1e6:.0f} megapixels:"
            " scale it down"
        )


def _duration(container: InputContainer, stream: VideoStream) -> float:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration else 0.0
