"""Which frames a video shows and when: the list by which frames are asked for.

The list is right if it equals what a decoder shows when it runs through the whole file. So the rule is to decode the
whole file. The exception are containers that store the time of every frame (MP4, MOV, MKV, WebM) with codecs that store
one shown frame per packet: there the list is made from the packets, without decoding, and the reader compares the time
of every frame that it decodes with the list.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from refseg.errors import VideoError
from refseg.video.decoding import DAMAGED, UNREADABLE, decode_frames
from refseg.video.probe import opened
from refseg.video.timestamps import MAX_REORDERING, NO_TIME, count_before_gap, steady_ticks
from refseg.video.truncation import is_cut_off

_CONTAINERS = {"mov", "mp4", "matroska", "webm"}
_CODECS = {"h264", "hevc", "vp9", "av1", "mjpeg", "prores"}  # one shown frame per packet
_CHECKED_FRAMES = 2 * MAX_REORDERING


@dataclass(frozen=True, eq=False)
class FrameIndex:
    """The frames that a video shows, in order.

    stamps (M,): seconds at which they are shown, as the file counts them, not decreasing.
    ticks (M,): presentation time stamp of each decoded frame in the stream's time base, NO_TIME if it has none.
    key_frames (K,): indices of frames to which the container can move; empty if decoding must begin at the start.
    broken: why the file cannot be read beyond the last frame, as the end of a sentence; None if it is whole.
    """

    stamps: NDArray[np.float64]
    ticks: NDArray[np.int64]
    key_frames: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    broken: str | None = None

    def __len__(self) -> int:
        return len(self.ticks)


def index_of_packets(path: Path) -> FrameIndex | None:
    """The index without decoding more than the first frames; None if it cannot be relied on. Raises VideoError."""
    with opened(path) as (container, stream):
        codec = stream.codec_context.codec
        names = {codec.name, codec.canonical_name}
        if not _CONTAINERS & set(container.format.name.split(",")) or not _CODECS & names or is_cut_off(path):
            return None
        try:
            times = _packet_times(container, stream)
        except UNREADABLE:
            return None
        base = stream.time_base
    if not times or base is None:
        return None
    ticks = np.sort(np.asarray([time.shown for time in times], dtype=np.int64))
    if (np.diff(ticks) == 0).any():
        return None
    key_frames = np.searchsorted(ticks, sorted(time.shown for time in times if time.is_key)).astype(np.int64)
    index = FrameIndex((ticks * float(base)).astype(np.float64), ticks, key_frames)
    is_reordered = len({time.shown - time.decoded for time in times}) > 1
    return index if _begins_as_decoded(path, index, is_reordered) else None


def index_of_decoded(path: Path) -> FrameIndex:
    """The index by decoding the whole file. Raises VideoError if there is no frame."""
    ticks: list[int] = []
    broken = DAMAGED if is_cut_off(path) else None
    with opened(path) as (container, stream):
        base = stream.time_base or Fraction(1, 25)
        rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
        try:
            for frame in decode_frames(container, stream):
                ticks.append(tick_of(frame))  # noqa: PERF401  those before an error are kept
        except VideoError as error:
            broken = str(error)
            if not ticks:
                raise VideoError(f"{path.name} cannot be decoded ({error}): save it again as MP4 (H.264)") from error
    if not ticks:
        raise VideoError(f"{path.name} has no frame, expected at least one: record or save it again")
    if broken is not None:
        ticks = ticks[: count_before_gap(ticks)]
    stamps = steady_ticks(ticks, step=max(1, round(1 / (rate * base)))) * float(base)
    return FrameIndex(stamps.astype(np.float64), np.asarray(ticks, dtype=np.int64), broken=broken)


def tick_of(frame: av.VideoFrame) -> int:
    """The presentation time stamp of a decoded frame, NO_TIME if it has none."""
    return NO_TIME if frame.pts is None else frame.pts


class _PacketTime(NamedTuple):
    """When a packet's frame is shown and decoded, in the stream's time base; is_key: by the container's word."""

    shown: int
    decoded: int
    is_key: bool


def _packet_times(container: InputContainer, stream: VideoStream) -> list[_PacketTime] | None:
    """Times of all packets with a frame that is shown. None if a packet lacks its time or its data, or if an edit list
    hides frames behind the first that is shown."""
    times: list[_PacketTime] = []
    count = 0
    for packet in container.demux(stream):
        if packet.pts is None and not packet.size:  # end of the stream
            continue
        count += 1
        if packet.is_corrupt or packet.pts is None or not packet.size or (packet.is_discard and times):
            return None
        if not packet.is_discard:
            decoded = packet.pts if packet.dts is None else packet.dts
            times.append(_PacketTime(packet.pts, decoded, packet.is_keyframe))
    is_cut = "mov" in container.format.name and count < len(stream.index_entries)
    return None if is_cut else times


def _begins_as_decoded(path: Path, index: FrameIndex, is_reordered: bool) -> bool:
    """Whether the decoder shows the first frames of the index. If the codec reorders frames but the time stamps do not,
    they are those of decoding, even if the first frames do not show it."""
    with opened(path) as (container, stream):
        try:
            ticks = [tick_of(frame) for frame in islice(decode_frames(container, stream), _CHECKED_FRAMES)]
        except VideoError:
            return False
        if stream.codec_context.has_b_frames and not is_reordered:
            return False
    return bool(ticks == index.ticks[:_CHECKED_FRAMES].tolist())
