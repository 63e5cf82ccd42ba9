"""Bytes of text in an encoding that nobody names: UTF-8, UTF-16 and UTF-32, and the code pages of Chinese and Western
Windows.
"""

from __future__ import annotations

import codecs
import re

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"))
_MARKS_16 = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def decode(data: bytes) -> tuple[str, str]:
    """Text and its encoding.

    Bytes that are neither Unicode nor likely to be GBK are read as Windows-1252, which fits everything.
    """
    for mark, encoding in (*_MARKS, *_MARKS_16):
        if data.startswith(mark):
            return data.decode(encoding), encoding
    for encoding in (*_unmarked(data), "utf-8", "gbk"):
        if encoding == "gbk" and not _is_in_pairs(data):
            continue
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return data.decode("cp1252", errors="replace"), "cp1252"


def _unmarked(data: bytes) -> tuple[str, ...]:
    """UTF-16 without a mark: every second byte of its first characters is zero if they are ASCII, as in JSON, XML and
    YAML.
    """
    head = data[:4]
    if len(head) == 4 and len(data) % 2 == 0:
        if head[1] == head[3] == 0:
            return ("utf-16-le",)
        if head[0] == head[2] == 0:
            return ("utf-16-be",)
    return ()


def _is_in_pairs(data: bytes) -> bool:
    """Whether most bytes over 127 come in even runs, as in Chinese text of two bytes a character; accented letters
    stand alone.
    """
    runs = [len(run) for run in re.findall(rb"[\x80-\xff]+", data)]
    return 2 * sum(run % 2 == 0 for run in runs) > len(runs)
