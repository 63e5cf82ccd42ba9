"""Finds duplicate images."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from refseg.images import load_image

_CHUNK_BYTES = 1 << 20


class DuplicateFinder:
    """Compares each image with those before it: equal files, or equal pixels under another name or format.

    Decodes the pixels of an image only if another one has the same size. Keeps digests and paths, no pixels.
    """

    def __init__(self) -> None:
        self._files: dict[bytes, str] = {}
        self._pixels: dict[bytes, str] = {}
        self._only_of_size: dict[tuple[int, int], tuple[str, Path] | None] = {}  # None from the second of a size on

    def duplicate_of(self, name: str, path: Path, size: tuple[int, int]) -> str | None:
        """The name of the first image that equals this one; None if there is none.

        size: (height, width).  Raises ImageError or OSError.
        """
        earlier = self._files.setdefault(_file_digest(path), name)
        if earlier != name:
            return earlier
        if size not in self._only_of_size:
            self._only_of_size[size] = name, path
            return None
        if (first := self._only_of_size[size]) is not None:
            self._only_of_size[size] = None
            self._pixels.setdefault(_pixel_digest(first[1]), first[0])
        earlier = self._pixels.setdefault(_pixel_digest(path), name)
        return None if earlier == name else earlier


def _file_digest(path: Path) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.digest()


def _pixel_digest(path: Path) -> bytes:
    image = np.ascontiguousarray(load_image(path))
    return hashlib.sha256(repr(image.shape).encode() + image.tobytes()).digest()
