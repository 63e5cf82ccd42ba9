"""Pictures that come twice."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from refseg.images import load_image

_CHUNK = 1 << 20


class DuplicateFinder:
    """Tells whether a picture was seen before, in the same file or in one of another name and format with the same pixels.

    Pixels are decoded only where another picture of the same size is there to be compared; what is kept of a picture are digests and its path.
    """

    def __init__(self) -> None:
        self._files: dict[bytes, str] = {}
        self._pixels: dict[bytes, str] = {}
        self._alone: dict[tuple[int, int], tuple[str, Path] | None] = {}  # the first of a size, until a second comes

    def duplicate_of(self, name: str, path: Path, size: tuple[int, int]) -> str | None:
        """The name of the first picture seen that equals this one, None for a new one; size: (height, width). Raises ImageError or OSError."""
        earlier = self._files.setdefault(_digest_of_file(path), name)
        if earlier != name:
            return earlier
        if size not in self._alone:
            self._alone[size] = name, path
            return None
        if (alone := self._alone[size]) is not None:
            self._alone[size] = None
            self._pixels.setdefault(_digest_of_pixels(alone[1]), alone[0])
        earlier = self._pixels.setdefault(_digest_of_pixels(path), name)
        return None if earlier == name else earlier


def _digest_of_file(path: Path) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            digest.update(piece)
    return digest.digest()


def _digest_of_pixels(path: Path) -> bytes:
    image = np.ascontiguousarray(load_image(path))
    return hashlib.sha256(repr(image.shape).encode() + image.tobytes()).digest()
