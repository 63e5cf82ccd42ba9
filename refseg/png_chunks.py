"""PNG files with more text or a larger color profile than Pillow reads: both are left out, as no pixel depends on them.

Pillow refuses such files as a whole, because a few compressed bytes can unpack to gigabytes of text. Here the sizes are
bounded while they are measured.
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
    """A copy in memory of a PNG file without its large text and profiles; None if it has none, or is no PNG.

    The file is at its start afterwards.
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
    """Where chunks that are left out begin and end, in bytes."""
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
    """How many bytes a chunk unpacks to; at most one more than MAX_CHUNK_BYTES is unpacked to find out."""
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
