"""Frames of an open video, decoded one after the other, up to its end or its first damage."""

from collections.abc import Iterator

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from refseg.errors import VideoError

UNREADABLE = (av.error.FFmpegError, OSError, ValueError)  # what PyAV raises for files that are not what they should be
DAMAGED = "it is damaged or cut off there"


def decode_frames(container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
    """Frames that are shown, in the order in which they are shown, from where the container has been opened or moved to.

    What precedes the first complete frame is left out, as players do: a recording can begin between two key frames. Frames that an edit list hides
    are left out by FFmpeg. Raises VideoError, as the end of a sentence, if data is damaged, and if frames change their size or orientation.
    """
    first: tuple[int, int, int] | None = None
    for frame in _intact_frames(container, stream):
        # Not the display matrix: `frame.side_data` makes a reference cycle, which keeps every frame in memory until the garbage collector runs.
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
            frames = stream.codec_context.decode(None if cut else packet)  # None: the frames that the decoder still holds
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
            if cut and not _precedes(frame, packet):
                break
            if frame.is_corrupt:
                raise VideoError(DAMAGED)
            begun = True
            yield frame
        if cut:
            raise VideoError(DAMAGED)
    if not begun and refused is not None:
        raise VideoError(error_text(refused)) from refused


def _precedes(frame: av.VideoFrame, packet: av.Packet) -> bool:
    """Whether a frame that the decoder still holds is shown before the frame of a damaged packet; frames after it have lost others between."""
    return frame.pts is None or packet.pts is None or frame.pts < packet.pts


def error_text(error: Exception) -> str:
    """What an error of FFmpeg or of the system says, short, without paths."""
    return getattr(error, "strerror", None) or " ".join(str(error).split())[:200] or type(error).__name__
