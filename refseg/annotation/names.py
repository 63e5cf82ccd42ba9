"""File names that every file system takes, as close to the original as possible.

Letters of any script, spaces, parentheses and accents are kept. Replaced are only the characters and names that
Windows, macOS or Linux refuse, so that a project can be copied to another system.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

MAX_NAME_BYTES = 240  # of UTF-8; file systems take 255, and the record of an image adds ".json"
_REFUSED = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f\ud800-\udfff]')
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(\..*)?", re.IGNORECASE | re.DOTALL
)


def file_name(name: str) -> str:
    """The name in Unicode normal form C if every file system takes it, otherwise the nearest one that it takes; never
    empty.
    """
    name = _REFUSED.sub("_", unicodedata.normalize("NFC", name)).rstrip(" .")
    if name.startswith("."):
        name = f"_{name[1:]}"
    if _RESERVED.fullmatch(name):
        name = f"_{name}"
    return _shortened(name) or "image"


def free_name(name: str, is_taken: Callable[[str], bool]) -> str:
    """`name` as `file_name` gives it, or with "-2", "-3" ... before its suffix if it is taken."""
    name = file_name(name)
    stem, suffix = _split(name)
    number = 1
    while is_taken(name):
        number += 1
        name = f"{_cut(stem, MAX_NAME_BYTES - len(suffix.encode()) - len(str(number)) - 1)}-{number}{suffix}"
    return name


def name_key(name: str) -> str:
    """Equal for names that some file system treats as one: in another case or Unicode normal form."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _split(name: str) -> tuple[str, str]:
    """Stem and suffix; a suffix is short, so that cutting a long name keeps it."""
    stem, dot, suffix = name.rpartition(".")
    return (stem, f".{suffix}") if dot and stem and len(suffix.encode()) <= 16 else (name, "")


def _shortened(name: str) -> str:
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    stem, suffix = _split(name)
    return _cut(stem, MAX_NAME_BYTES - len(suffix.encode())) + suffix


def _cut(stem: str, size: int) -> str:
    """The first characters of the stem, at most `size` bytes of UTF-8, not ending in a space or a dot."""
    return stem.encode()[:size].decode(errors="ignore").rstrip(" .") or "_"
