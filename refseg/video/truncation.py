"""Whether a file is shorter than its header says: FFmpeg reads such files to their end without an error."""

from pathlib import Path

_SEGMENT = 0x18538067  # EBML identifier


def is_cut_off(path: Path) -> bool:
    """True if an AVI, MKV, WebM or GIF file lacks its end; False for other formats and for headers without a length."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(4096)
        if head[:4] == b"RIFF":
            return 8 + int.from_bytes(head[4:8], "little") > size + 1  # the padding byte at the end is often left out
        if head[:3] == b"GIF":
            file.seek(max(0, size - 64))
            return b"\x3b" not in file.read()[-16:]
        if head[:4] == b"\x1a\x45\xdf\xa3":
            return _matroska_end(head) > size
    return False


def _matroska_end(head: bytes) -> int:
    """Where the segment of an MKV or WebM file ends, in bytes; 0 if its header does not have it."""
    place = 0
    for _ in range(8):  # EBML header, then the segment; void elements may lie between
        if place >= len(head):
            return 0
        identifier_length = 9 - head[place].bit_length()
        identifier = int.from_bytes(head[place : place + identifier_length], "big")
        place += identifier_length
        if place >= len(head) or not head[place]:
            return 0
        length = 9 - head[place].bit_length()
        value = int.from_bytes(head[place : place + length], "big") & ((1 << 7 * length) - 1)
        place += length
        if identifier == _SEGMENT:
            return 0 if value == (1 << 7 * length) - 1 else place + value
        place += value
    return 0
