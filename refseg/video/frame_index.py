"""Which frames a video shows and when: the list by which frames are asked for.

The list is right if it equals what a decoder shows when it runs through the whole file. Decoding the whole file to make the list is therefore the
rule. The exception are containers that store the time of every frame (MP4, MOV, MKV, WebM) with codecs that store one shown frame per packet: there the
list is read off the packets, without decoding, and the reader compares the time of every frame that it decodes with the list.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from refseg.errors import VideoError
from refseg.video.decoding import DAMAGED, UNREADABLE, decode_frames, error_text
from refseg.video.probe import opened
from refseg.video.truncation import is_cut_off

NO_TIME = np.iinfo(np.int64).min  # of a frame to which the file gives no time

_CONTAINERS = {"mov", "mp4", "matroska", "webm"}
_CODECS = {"h264", "hevc", "vp9", "av1", "mjpeg", "prores"}  # one shown frame per packet
_CHECKED_FRAMES = 32  # more than the 16 frames by which H.264 and HEVC can reorder
_REORDERING = 16  # frames
_CACHED_FILES = 16


@dataclass(frozen=True, eq=False)
class FrameIndex:
    """The frames that a video shows, in order.

    stamps (M,): seconds at which they are shown, as the file counts them, not decreasing.  ticks (M,): the presentation time stamp of each decoded frame in
    the stream's time base, NO_TIME if it has none.  key_frames (K,): indices of frames to which the container can move; empty if decoding must begin at the start.
    broken: why the file cannot be read beyond the last frame, as the end of a sentence; None if it is whole.
    """

    stamps: NDArray[np.float64]
    ticks: NDArray[np.int64]
    key_frames: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    broken: str | None = None

    def __len__(self) -> int:
        return len(self.ticks)


def read_index(path: str | Path) -> FrameIndex:
    """The index of a file; kept in memory for the last few files, as long as their size and modification time stay. Raises VideoError."""
    return _cache.get(Path(path))


def distrust_packets(path: Path) -> None:
    """Makes the next `read_index` of a file decode it: its packets turned out not to be the frames shown."""
    _cache.distrust(path)


class _Cache:
    """Indices of the last few files, for all threads."""

    def __init__(self) -> None:
        self._indices: OrderedDict[tuple[str, int, int], FrameIndex | None] = OrderedDict()  # None: do not trust the packets
        self._lock = Lock()

    def get(self, path: Path) -> FrameIndex:
        key = self._key(path)
        with self._lock:
            distrusted = key in self._indices and self._indices[key] is None
            if (found := self._indices.get(key)) is not None:
                self._indices.move_to_end(key)
                return found
        index = (None if distrusted else index_of_packets(path)) or index_of_decoded(path)
        self._put(key, index)
        return index

    def distrust(self, path: Path) -> None:
        self._put(self._key(path), None)

    def _put(self, key: tuple[str, int, int], index: FrameIndex | None) -> None:
        with self._lock:
            self._indices[key] = index
            self._indices.move_to_end(key)
            while len(self._indices) > _CACHED_FILES:
                self._indices.popitem(last=False)

    @staticmethod
    def _key(path: Path) -> tuple[str, int, int]:
        try:
            status = path.stat()
        except OSError as error:
            raise VideoError(f"cannot read {path.name}: {error.strerror or error}; expected a video that exists and may be read") from error
        return str(path.absolute()), status.st_size, status.st_mtime_ns


_cache = _Cache()


def index_of_packets(path: Path) -> FrameIndex | None:
    """The index without decoding more than the first frames; None if it cannot be relied on. Raises VideoError if the file cannot be read at all."""
    with opened(path) as (container, stream):
        codec = stream.codec_context.codec
        names = {codec.name, getattr(codec, "canonical_name", codec.name)}
        if not _CONTAINERS & set(container.format.name.split(",")) or not _CODECS & names or is_cut_off(path):
            return None
        try:
            times = _packet_times(container, stream)
        except UNREADABLE:
            return None
        base = stream.time_base
    if times is None or base is None:
        return None
    ticks = np.sort(np.asarray([time.shown for time in times], dtype=np.int64))
    if not len(ticks) or (np.diff(ticks) == 0).any():
        return None
    key_frames = np.searchsorted(ticks, sorted(time.shown for time in times if time.is_key)).astype(np.int64)
    index = FrameIndex(ticks * float(base), ticks, key_frames)
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
                ticks.append(NO_TIME if frame.pts is None else frame.pts)
        except VideoError as error:
            broken = str(error)
            if not ticks:
                raise VideoError(f"{path.name} cannot be decoded ({error}): save it again as MP4 (H.264)") from error
    if not ticks:
        raise VideoError(f"{path.name} holds no frame, expected at least one: it may be cut off, record or save it again")
    step = max(1, round(1 / (rate * base)))
    if broken is not None:
        ticks = ticks[: _complete(ticks)]
    return FrameIndex(steady_ticks(ticks, step) * float(base), np.asarray(ticks, dtype=np.int64), broken=broken)


def _complete(ticks: list[int]) -> int:
    """How many frames of a broken file to keep. Where the end is missing, the last frames can lack others that are shown between them: a gap between time
    stamps tells. Where stamps are missing or in disorder, all frames that could be concerned are dropped."""
    gaps = np.diff(np.asarray(ticks, dtype=np.float64))
    if NO_TIME in ticks or (gaps < 0).any():
        return max(1, len(ticks) - _REORDERING)
    last = max(0, len(gaps) - _REORDERING)
    wide = np.flatnonzero(gaps[last:] > 1.5 * np.median(gaps)) if len(gaps) else []
    return 1 + last + int(wide[0]) if len(wide) else len(ticks)


def steady_ticks(ticks: list[int], step: int) -> NDArray[np.int64]:
    """When each frame is shown, never decreasing, from time stamps as files have them.  step: between two frames, where a stamp says nothing.

    AVI stores the order of decoding: the stamps are then right but in disorder within a few frames, and are sorted. A stamp that is missing, or that
    falls back because a recorder has restarted its clock, is replaced by the one before plus a step; what follows is moved along.
    """
    if NO_TIME not in ticks:
        order = np.argsort(ticks, kind="stable")
        if np.abs(order - np.arange(len(ticks))).max() <= _REORDERING:
            return np.asarray(ticks, dtype=np.int64)[order]
    steady: list[int] = []
    moved = 0
    for tick in ticks:
        if not steady:
            steady.append(0 if tick == NO_TIME else tick)
            continue
        if tick == NO_TIME:
            steady.append(steady[-1] + step)
            continue
        if tick + moved < steady[-1]:
            moved = steady[-1] + step - tick
        steady.append(tick + moved)
    return np.asarray(steady, dtype=np.int64)


class _PacketTimes(NamedTuple):
    """When a packet's frame is shown and decoded, in the stream's time base, and whether the container calls it a key frame."""

    shown: int
    decoded: int
    is_key: bool


def _packet_times(container: InputContainer, stream: VideoStream) -> list[_PacketTimes] | None:
    """Of all packets that hold a frame that is shown; None if some say too little, or if an edit list hides more than the beginning."""
    times: list[_PacketTimes] = []
    count = 0
    is_mov = "mov" in container.format.name
    for packet in container.demux(stream):
        if packet.pts is None and not packet.size:  # end of the stream
            continue
        count += 1
        if packet.is_corrupt or packet.pts is None or not packet.size:
            return None
        if packet.is_discard:
            if times:
                return None
            continue
        times.append(_PacketTimes(packet.pts, packet.pts if packet.dts is None else packet.dts, packet.is_keyframe))
    return None if is_mov and count < len(stream.index_entries) else times  # the index lists frames that the file does not hold


def _begins_as_decoded(path: Path, index: FrameIndex, is_reordered: bool) -> bool:
    """Whether the first frames that a decoder shows are those of the index. A codec that reorders, with stamps that do not, is not trusted."""
    with opened(path) as (container, stream):
        frames: Iterator[av.VideoFrame] = decode_frames(container, stream)
        try:
            ticks = [frame.pts for frame in islice(frames, _CHECKED_FRAMES)]
        except VideoError:
            return False
        if stream.codec_context.has_b_frames and not is_reordered:
            return False
    return ticks == index.ticks[:_CHECKED_FRAMES].tolist()
