"""Decoded frames by index. The time stamp of each decoded frame is compared with the index before the frame is used."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import av
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray

from refseg.errors import VideoError
from refseg.video.decoding import DAMAGED, decode_frames
from refseg.video.frame_index import FrameIndex, tick_of
from refseg.video.probe import ClipInfo, opened

_NEAR = 8  # frames: moving to a key frame costs about as much as decoding so many
_ATTEMPTS = 2  # key frames before a frame that are tried before the file is decoded from its start

Walk = Iterator[tuple[int, av.VideoFrame]]


class FrameReader:
    """Decodes forward, and moves to a key frame before the next frame if that saves decoding. Keeps a few frames."""

    def __init__(self, info: ClipInfo, index: FrameIndex) -> None:
        self._info, self._index = info, index
        self._open = ExitStack()
        self._key_frames = index.key_frames.tolist()
        self._restart()

    def __enter__(self) -> "FrameReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def frames(self, indices: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
        """The frames with these increasing indices, uint8 (H, W, 3) RGB as shown.

        Raises VideoError, whose text is the end of a sentence, at the first frame that cannot be decoded.
        """
        walk, position = self._from_start(), -1
        for wanted in indices:
            walk, position, frame = self._moved(wanted, walk, position)
            while position < wanted:
                position, frame = next(walk)
            if frame is None:
                raise ValueError(f"frame {wanted} was asked for after frame {position}; expected increasing indices")
            yield self._info.orientation.apply(np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8))

    def _moved(self, wanted: int, walk: Walk, position: int) -> tuple[Walk, int, av.VideoFrame | None]:
        """Moves to the last key frame before `wanted` if it is well ahead. Returns the walk to go on with, its
        position, and the frame there if it is `wanted`."""
        ahead = [key for key in self._key_frames if position + _NEAR < key <= wanted]
        if not ahead:
            return walk, position, None
        for key in reversed(ahead[-_ATTEMPTS:]):
            walk = self._from_key_frame(key)
            try:
                for position, frame in walk:
                    if position == wanted:
                        return walk, position, frame
            except VideoError:  # not a frame at which decoding can begin, or damage behind it
                continue
        self._key_frames = []
        self._restart()
        return self._from_start(), -1, None

    def _from_start(self) -> Walk:
        """(index, frame) of every frame from the first. Raises VideoError if they are not those of the index."""
        position = -1
        for frame in decode_frames(self._container, self._stream):
            position += 1
            if position == len(self._index) or tick_of(frame) != self._index.ticks[position]:
                break
            yield position, frame
        raise VideoError(self._index.broken or DAMAGED)

    def _from_key_frame(self, key: int) -> Walk:
        """The same from a key frame on. Frames shown before it may depend on others that were not decoded and are left
        out.

        The container's word is not enough: the decoder must find a key frame there, too. Raises VideoError otherwise.
        """
        self._container.seek(int(self._index.ticks[key]), stream=self._stream)
        position: int | None = None
        begun = False
        for frame in decode_frames(self._container, self._stream):
            tick = tick_of(frame)
            position = int(np.searchsorted(self._index.ticks, tick)) if position is None else position + 1
            if position == len(self._index) or tick != self._index.ticks[position]:
                break
            if position == key:
                begun = frame.key_frame and frame.pict_type == PictureType.I
            if position >= key and not begun:
                break
            if begun:
                yield position, frame
        raise VideoError(DAMAGED)

    def _restart(self) -> None:
        """Opens the file again: the only way back to its start that works for every container."""
        self._open.close()
        self._container, self._stream = self._open.enter_context(opened(self._info.path))
