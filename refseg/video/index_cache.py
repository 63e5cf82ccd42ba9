"""Indices of the last few files, kept in memory: a page asks for the same file again and again."""

from collections import OrderedDict
from pathlib import Path
from threading import Lock

from refseg.errors import VideoError
from refseg.video.frame_index import FrameIndex, index_of_decoded, index_of_packets

_CACHED_FILES = 16


def read_index(path: str | Path) -> FrameIndex:
    """The index of a file, read once as long as its size and modification time stay the same. Raises VideoError."""
    return _cache.read(Path(path))


def distrust_packets(path: Path) -> None:
    """Makes the next `read_index` of a file decode it, because its packets turned out not to be the frames shown."""
    _cache.distrust(path)


class _Cache:
    """Indices of the last few files, for all threads."""

    def __init__(self) -> None:
        # None: the packets of this file are not to be trusted.
        self._indices: OrderedDict[tuple[str, int, int], FrameIndex | None] = OrderedDict()
        self._lock = Lock()

    def read(self, path: Path) -> FrameIndex:
        key = self._key(path)
        with self._lock:
            is_distrusted = key in self._indices and self._indices[key] is None
            if (found := self._indices.get(key)) is not None:
                self._indices.move_to_end(key)
                return found
        index = (None if is_distrusted else index_of_packets(path)) or index_of_decoded(path)
        self._keep(key, index)
        return index

    def distrust(self, path: Path) -> None:
        self._keep(self._key(path), None)

    def _keep(self, key: tuple[str, int, int], index: FrameIndex | None) -> None:
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
            raise VideoError(
                f"cannot read {path.name}: {error.strerror or error}; expected a video that exists and may be read"
            ) from error
        return str(path.absolute()), status.st_size, status.st_mtime_ns


_cache = _Cache()
