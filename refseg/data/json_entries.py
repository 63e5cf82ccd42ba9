"""Reads JSON of data sets, with errors that name the file and the entry."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from refseg.errors import DataError

MAX_JSON_BYTES = 2_000_000_000


def read_json(path: Path) -> Any:
    """A JSON file of bounded size. Raises DataError."""
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise DataError(f"{path}: got {path.stat().st_size} bytes, expected at most {MAX_JSON_BYTES}")
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}), expected a readable file of the RefCOCO layout"
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not valid JSON ({error}), expected a file of the RefCOCO layout") from error


class Entry:
    """One JSON object of a list, with typed access whose errors name the file and the entry."""

    def __init__(self, path: Path, kind: str, position: int, value: Any) -> None:
        self._where = f"{path}: {kind}[{position}]"
        if not isinstance(value, Mapping):
            raise DataError(f"{self._where} is a JSON {type(value).__name__}, expected an object")
        self._value = value

    def fail(self, message: str) -> DataError:
        return DataError(f"{self._where} {message}")

    def integer(self, key: str, low: int | None = None) -> int:
        value = self._value.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or (low is not None and value < low):
            raise self.fail(
                f"has {key} = {value!r}, expected a whole number" + (f" of at least {low}" if low is not None else "")
            )
        return value

    def text(self, key: str, default: str | None = None) -> str:
        value = self._value.get(key, default)
        if not isinstance(value, str) or (default is None and not value.strip()):
            raise self.fail(f"has {key} = {value!r}, expected a text")
        return value

    def get(self, key: str) -> Any:
        return self._value.get(key)


def entries_of(path: Path, kind: str, values: Any) -> Iterable[Entry]:
    if not isinstance(values, list):
        raise DataError(f"{path}: {kind} is a JSON {type(values).__name__}, expected a list")
    return (Entry(path, kind, position, value) for position, value in enumerate(values))
