"""Frames of an open video, decoded one after the other, up to its end or its first damage."""

from collections.abc import Iterator

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from refseg.errors import VideoError

UNREADABLE = (av.error.FFmpegError, OSError, ValueError)  # what PyAV raises for files that are not what they should be
DAMAGED = "it is damaged or cut off there"


def decode_frames(container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
    """Frames in the order in which they are shown, from the container's position on.

    Frames before the first that can be decoded are left out, as by players: a recording can begin between key frames.
    FFmpeg leaves out the frames that an edit list hides. Raises VideoError, whose text is the end of a sentence, if
    data is damaged, and if frames change their size or orientation.
    """
    first: tuple[int, int, int] | None = None
    for frame in _intact_frames(container, stream):
        # Not the display matrix: `frame.side_data` makes a reference cycle, which keeps each frame in memory until the
        # garbage collector runs.
        shape = (frame.width, frame.height, frame.rotation)
        first = first or shape
        if shape[:2] != first[:2]:
            raise VideoError(f"its frames change from {first[0]} x {first[1]} to {shape[0]} x {shape[1]} pixels there")
        if shape != first:
            raise VideoError("its frames change their orientation there")
        yield frame


def _intact_frames(container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
    begun = False
    packets = container.demux(stream)
    refused: Exception | None = None
    while True:
        try:
            packet = next(packets)
            cut = begun and packet.is_corrupt
            frames = stream.codec_context.decode(None if cut else packet)  # None: those that the decoder has buffered
        except StopIteration:
            break
        except av.error.EOFError:
            break
        except UNREADABLE as error:
            if begun:
                raise VideoError(DAMAGED) from error
            refused = error
            continue
        for frame in frames:
            if cut and not _precedes(frame, packet.pts):
                break
            if frame.is_corrupt:
                raise VideoError(DAMAGED)
            begun = True
            yield frame
        if cut:
            raise VideoError(DAMAGED)
    if not begun and refused is not None:
        raise VideoError(error_text(refused)) from refused


def _precedes(frame: av.VideoFrame, damaged: int | None) -> bool:
    """Whether a frame is shown before the frame of a damaged packet. Those after it lack others between them."""
    return frame.pts is None or damaged is None or frame.pts < damaged


def error_text(error: Exception) -> str:
    """The message of an error of FFmpeg or of the system, short, without paths."""
    return getattr(error, "strerror", None) or " ".join(str(error).split())[:200] or type(error).__name__
