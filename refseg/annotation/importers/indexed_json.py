"""Random access to the values of one large JSON object, without holding all of it in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from refseg.errors import DataError

CHUNK = 1 << 22
MAX_VALUE_BYTES = 200_000_000
_SPACE = " \t\r\n"
_AFTER_VALUE = tuple(f"{_SPACE},:}}")


class IndexedJson:
    """The entries of a JSON object in a file, by key. Opening it reads the file once; `get` reads a single value."""

    def __init__(self, path: Path, name: str) -> None:
        """name: of the file, for messages.  Raises DataError if the file is not a JSON object."""
        self._path, self._name = path, name
        self._spans: dict[str, tuple[int, int]] = {}
        self._read: set[str] = set()
        try:
            self._spans.update(_Scanner(path, name).spans())
        except OSError as error:
            raise DataError(
                f"{name} cannot be read ({error.strerror or type(error).__name__}): check the file"
            ) from error

    def __len__(self) -> int:
        return len(self._spans)

    def unread(self) -> list[str]:
        """The keys that `get` was never asked for, in the order of the file."""
        return [key for key in self._spans if key not in self._read]

    def get(self, key: str) -> Any:
        """The value of a key. Raises DataError, also if there is none."""
        if key not in self._spans:
            raise DataError(f"{self._name} has no entry {key[:80]!r}")
        self._read.add(key)
        start, end = self._spans[key]
        try:
            with self._path.open("rb") as file:
                file.seek(start)
                return json.loads(file.read(end - start))
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(f"{self._name}: the entry {key[:80]!r} cannot be read") from error


class _Scanner:
    """Finds where the values of an object begin and end. Latin-1 gives one character per byte; the structure of JSON
    is ASCII.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        self._decoder = json.JSONDecoder()
        self._buffer = ""
        self._offset = 0  # of the buffer in the file
        self._position = 0  # in the buffer

    def spans(self) -> Iterator[tuple[str, tuple[int, int]]]:
        """Key and (first byte, byte after the last) of each value."""
        with self._path.open("r", encoding="latin-1", newline="") as file:
            self._file = file
            self._more()
            if self._buffer.startswith("\xef\xbb\xbf"):
                self._position = 3
            self._expect("{")
            if self._peek() == "}":
                return
            while True:
                key = self._value()
                if not isinstance(key, str):
                    raise self._invalid()
                self._expect(":")
                self._peek()
                start = self._offset + self._position
                self._value()
                yield key, (start, self._offset + self._position)
                if self._peek() == "}":
                    return
                self._expect(",")
                self._peek()

    def _more(self) -> bool:
        """Read on; returns whether there was anything."""
        data = self._file.read(CHUNK)
        self._buffer = self._buffer[self._position :] + data
        self._offset += self._position
        self._position = 0
        return bool(data)

    def _peek(self) -> str:
        """The next character that is not white space."""
        while True:
            while self._position < len(self._buffer) and self._buffer[self._position] in _SPACE:
                self._position += 1
            if self._position < len(self._buffer):
                return self._buffer[self._position]
            if not self._more():
                raise self._invalid()

    def _expect(self, character: str) -> None:
        if self._peek() != character:
            raise self._invalid()
        self._position += 1

    def _value(self) -> Any:
        while True:
            start = self._position
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._position)
            except (ValueError, RecursionError) as error:
                if (
                    isinstance(error, RecursionError)
                    or len(self._buffer) - self._position > MAX_VALUE_BYTES
                    or not self._more()
                ):
                    raise self._invalid() from error
                continue
            # The buffer may end inside a number, which then looks complete.
            if self._buffer[end : end + 1] in _AFTER_VALUE or not self._more():
                self._position += end - start
                return value

    def _invalid(self) -> DataError:
        return DataError(
            f"{self._name} is not a valid JSON object near byte {self._offset + self._position}: write the file again"
        )
