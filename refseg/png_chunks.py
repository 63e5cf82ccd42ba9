"""Removal of text and color profiles that are too large for Pillow from PNG files.

Pillow rejects such files, because a few compressed bytes can decompress to gigabytes of text. No pixel depends on them.
Here decompression stops at the limit.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_CHUNK_BYTES = 1_000_000  # unpacked, of one chunk; Pillow reads up to 1,048,576
MAX_TOTAL_BYTES = 32_000_000  # unpacked, of all; Pillow reads up to 64 times that of one
_METADATA = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")


def without_large_metadata(file: BinaryIO) -> BinaryIO | None:
    """Copy a PNG file into memory without its large text and profiles, and rewind the file.

    Returns None if the file has no large text or profile, or is not a PNG.
    """
    try:
        spans = list(_large_metadata(file))
        if not spans:
            return None
        file.seek(0)
        data = file.read()
        kept, start = [], 0
        for begin, end in spans:
            kept.append(data[start:begin])
            start = end
        return BytesIO(b"".join((*kept, data[start:])))
    finally:
        file.seek(0)


def _large_metadata(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Yield the first and the end position of each chunk to remove, in bytes."""
    file.seek(0)
    if file.read(8) != SIGNATURE:
        return
    total = 0
    while len(head := file.read(8)) == 8:
        begin = file.tell() - 8
        length, kind = struct.unpack(">I4s", head)
        if kind in _METADATA:
            data = file.read(length)
            size = _unpacked_size(kind, data)
            total += size
            if size > MAX_CHUNK_BYTES or total > MAX_TOTAL_BYTES:
                yield begin, begin + 12 + length
        if kind in (b"IEND", b""):
            return
        file.seek(begin + 12 + length)


def _unpacked_size(kind: bytes, data: bytes) -> int:
    """Return the decompressed size of a chunk in bytes. Decompression stops one byte above MAX_CHUNK_BYTES."""
    if kind == b"tEXt":
        return len(data)
    keyword, _, rest = data.partition(b"\0")
    if kind == b"iTXt":
        is_compressed = rest[:1] == b"\x01"
        packed = rest[2:].split(b"\0", 2)[-1]
        if not is_compressed:
            return len(packed)
    else:
        packed = rest[1:]
    try:
        return len(keyword) + len(zlib.decompressobj().decompress(packed, MAX_CHUNK_BYTES + 1))
    except zlib.error:
        return len(packed)
