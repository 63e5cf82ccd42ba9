"""The images of rows: files of the data set, or bytes in a table, which are written to a temporary file one at a
time.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from refseg.annotation.importers.datasets.columns import RowContent
from refseg.annotation.importers.source import IMAGE_SUFFIXES, Source
from refseg.errors import DataError, ImageError
from refseg.images import MAX_BYTES, opened_image

_SUFFIXES = {
    "JPEG": ".jpg",
    "MPO": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "BMP": ".bmp",
    "TIFF": ".tif",
    "GIF": ".gif",
    "AVIF": ".avif",
}


class ImageKey(NamedTuple):
    """What distinguishes images: a file of the data set, or a digest of bytes."""

    file: str
    digest: bytes


class ImageFiles:
    """Finds the images of rows, and those of masks."""

    def __init__(self, source: Source, folder: Path) -> None:
        """folder: for temporary files."""
        self._source, self._folder = source, folder
        self._count = 0

    def key(self, content: RowContent, table_folder: str) -> ImageKey | None:
        """The key of the image of a row; None if there is none. table_folder: where names are looked for first."""
        if isinstance(content.image, bytes):
            return ImageKey("", hashlib.blake2b(content.image, digest_size=16).digest())
        if content.image is None:
            return None
        file = self._source.find(content.image, table_folder)
        return None if file is None else ImageKey(file, b"")

    def place(self, content: RowContent, key: ImageKey, split: str) -> tuple[Path, str]:
        """The path of an image, until the next call, and its name in the data set. Raises DataError for bytes that
        are no image.

        split: begins the names of images that have none.
        """
        if not isinstance(content.image, bytes):
            return self._source.path(key.file), key.file
        self._count += 1
        suffix = _suffix_of(content.image)
        path = self._folder / f"image{suffix}"
        path.write_bytes(content.image)
        name = PurePosixPath(content.path.replace("\\", "/"))
        if not name.name:
            return path, f"{split or 'image'}-{self._count:06d}{suffix}"
        return path, name.as_posix() if name.suffix.casefold() in IMAGE_SUFFIXES else f"{name.as_posix()}{suffix}"

    def mask_source(self, value: Any, table_folder: str) -> Path | bytes | None:
        """The file or bytes of a mask image; None if a value is neither."""
        if isinstance(value, Mapping):
            data, path = value.get("bytes"), value.get("path")
            value = data if isinstance(data, bytes) and data else path
        if isinstance(value, bytes):
            return value
        if not isinstance(value, str):
            return None
        file = self._source.find(value, table_folder)
        return None if file is None else self._source.path(file)


def _suffix_of(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise DataError(f"has more than {MAX_BYTES:,} bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with opened_image(io.BytesIO(data), "image") as image:
                return _SUFFIXES.get(image.format or "", ".png")
    except (ImageError, OSError, ValueError) as error:
        raise DataError("that cannot be read") from error
