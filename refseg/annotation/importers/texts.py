"""Text files that other tools wrote: UTF-8 with or without a mark, UTF-16, and the code pages of Chinese and Western Windows."""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

from refseg.annotation.importers.report import ImportReport
from refseg.annotation.importers.source import Source
from refseg.errors import DataError

MAX_TEXT_BYTES = 2_000_000_000
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"))
_MARKS_16 = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def decode(data: bytes) -> tuple[str, str]:
    """Text and its encoding. Bytes that are neither Unicode nor likely to be GBK are read as Windows-1252, which fits everything."""
    for mark, encoding in (*_MARKS, *_MARKS_16):
        if data.startswith(mark):
            return data.decode(encoding), encoding
    for encoding in (*_unmarked(data), "utf-8", *(("gbk",) if _is_in_pairs(data) else ())):
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return data.decode("cp1252", errors="replace"), "cp1252"


def _unmarked(data: bytes) -> tuple[str, ...]:
    """UTF-16 without a mark: every second byte of its first characters is zero if they are ASCII, as in JSON, XML and YAML."""
    head = data[:4]
    if len(head) == 4 and len(data) % 2 == 0:
        if head[1] == head[3] == 0:
            return ("utf-16-le",)
        if head[0] == head[2] == 0:
            return ("utf-16-be",)
    return ()


def _is_in_pairs(data: bytes) -> bool:
    """Whether most bytes over 127 come in even runs, as in Chinese text of two bytes a character; accented letters stand alone."""
    runs = [len(run) for run in re.findall(rb"[\x80-\xff]+", data)]
    return 2 * sum(run % 2 == 0 for run in runs) > len(runs)


def read_text(source: Source, file: str, report: ImportReport) -> str:
    """A text file of a data set, of bounded size; encodings that had to be guessed are reported. Raises DataError."""
    try:
        path = source.path(file)
        size = path.stat().st_size
        if size > MAX_TEXT_BYTES:
            raise DataError(f"{file} has {size:,} bytes, expected at most {MAX_TEXT_BYTES:,}: split the data set")
        text, encoding = decode(path.read_bytes())
    except OSError as error:
        raise DataError(f"{file} cannot be read ({error.strerror or type(error).__name__}), expected a text file: check it") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not valid {error.encoding}, as its first bytes say it is: save it as UTF-8") from error
    if encoding in ("gbk", "cp1252"):
        report.alter("file", f"read as {'GBK' if encoding == 'gbk' else 'Windows-1252'} because it is not UTF-8", file)
    return text.replace("\r\n", "\n")


def read_json(source: Source, file: str, report: ImportReport) -> Any:
    """The value of a JSON file of a data set. Raises DataError."""
    try:
        return json.loads(read_text(source, file, report))
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())[:120]
        raise DataError(f"{file} is not valid JSON ({reason}): write the file again") from error


def head(source: Source, file: str, size: int = 65536) -> str:
    """The beginning of a text file, to tell its format; "" if it cannot be read."""
    try:
        with source.path(file).open("rb") as opened:
            data = opened.read(size)
    except OSError:
        return ""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="ignore")
    return data.decode("utf-8-sig", errors="replace").replace("\x00", "")
