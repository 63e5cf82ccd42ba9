"""Text files that other tools wrote: UTF-8 with or without a mark, UTF-16, and the code pages of Chinese and Western
Windows.
"""

from __future__ import annotations

import codecs
import json
from typing import Any

from refseg.annotation.encodings import decode
from refseg.annotation.importers.report import ImportReport
from refseg.annotation.importers.source import Source
from refseg.errors import DataError

MAX_TEXT_BYTES = 2_000_000_000


def read_text(source: Source, file: str, report: ImportReport) -> str:
    """A text file of a data set, of bounded size, with "\\n" at the ends of lines; encodings that had to be guessed are
    reported. Raises DataError.
    """
    return _decoded(source, file, report).replace("\r\n", "\n")


def _decoded(source: Source, file: str, report: ImportReport) -> str:
    try:
        path = source.path(file)
        size = path.stat().st_size
        if size > MAX_TEXT_BYTES:
            raise DataError(f"{file} has {size:,} bytes, expected at most {MAX_TEXT_BYTES:,}: split the data set")
        text, encoding = decode(path.read_bytes())
    except OSError as error:
        raise DataError(
            f"{file} cannot be read ({error.strerror or type(error).__name__}), expected a text file: check it"
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file} is not valid {error.encoding}, as its first bytes say it is: save it as UTF-8"
        ) from error
    if encoding in ("gbk", "cp1252"):
        report.alter("file", f"read as {'GBK' if encoding == 'gbk' else 'Windows-1252'} because it is not UTF-8", file)
    return text


def read_json(source: Source, file: str, report: ImportReport) -> Any:
    """The value of a JSON file of a data set. Raises DataError."""
    try:
        return json.loads(_decoded(source, file, report))
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())[:120]
        raise DataError(f"{file} is not valid JSON ({reason}): write the file again") from error


def head(source: Source, file: str, size: int = 65536) -> str:
    """The beginning of a text file, from which its format is guessed; "" if it cannot be read."""
    try:
        with source.path(file).open("rb") as opened:
            data = opened.read(size)
    except OSError:
        return ""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="ignore")
    return data.decode("utf-8-sig", errors="replace").replace("\x00", "")
