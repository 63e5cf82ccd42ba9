"""The tables of a Hugging Face data set: rows of images and annotations in JSON Lines, CSV, Parquet and Arrow files,
read one after the other.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from refseg.annotation.encodings import decode
from refseg.annotation.importers.report import ImportReport
from refseg.annotation.importers.source import Source
from refseg.annotation.importers.texts import read_text
from refseg.annotation.parquet import load_pyarrow
from refseg.errors import DataError

MAX_ROW_BYTES = 200_000_000
ROWS_PER_BATCH = 16
ClassNames = Mapping[tuple[str, ...], Sequence[str]]
"""The names of numbered categories, by the path of their column, such as ("objects", "category")."""


class Row(NamedTuple):
    """where: the file and row, for the report.  values: by column, None if the row cannot be read.  problem: why
    not.
    """

    where: str
    values: Mapping[str, Any] | None
    problem: str = ""


@dataclass
class Table:
    """One file with rows. folder: where relative names of files are resolved.  split: of its rows, "" for none."""

    source: Source
    file: str
    report: ImportReport
    split: str = ""
    class_names: ClassNames = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """The folder of the file, "" for the root."""
        parent = PurePosixPath(self.file).parent.as_posix()
        return "" if parent == "." else parent

    def count(self) -> int:
        """How many rows there are. Raises DataError if the file cannot be read."""
        raise NotImplementedError

    def rows(self) -> Iterator[Row]:
        """All rows. Raises DataError if the rest of the file cannot be read."""
        raise NotImplementedError

    def _unreadable(self, error: Exception) -> DataError:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is damaged or of another kind"
        return DataError(f"{self.file} cannot be read ({reason}): save it again")


class JsonLines(Table):
    """A JSON object per line."""

    def count(self) -> int:
        return sum(1 for _ in self._lines())

    def rows(self) -> Iterator[Row]:
        for number, line in self._lines():
            where = f"{self.file}: line {number}"
            if len(line) > MAX_ROW_BYTES:
                yield Row(where, None, f"has more than {MAX_ROW_BYTES // 1_000_000} MB")
                continue
            try:
                values = json.loads(decode(line)[0])
            except (ValueError, RecursionError):
                yield Row(where, None, "is not valid JSON")
                continue
            yield Row(where, values) if isinstance(values, dict) else Row(where, None, "is not a JSON object")

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """Lines that are not blank, with their numbers from 1; what is beyond the bound of a line is dropped."""
        try:
            with self.source.path(self.file).open("rb") as opened:
                for number, line in enumerate(iter(lambda: opened.readline(MAX_ROW_BYTES + 1), b""), start=1):
                    rest = line
                    while rest and not rest.endswith(b"\n") and len(rest) > MAX_ROW_BYTES:
                        rest = opened.readline(MAX_ROW_BYTES + 1)
                    if line.strip():
                        yield number, line
        except OSError as error:
            raise self._unreadable(error) from error


class Csv(Table):
    """Comma-separated values with a line of names."""

    def count(self) -> int:
        return _counted(1 for _ in self.rows())

    def rows(self) -> Iterator[Row]:
        csv.field_size_limit(MAX_ROW_BYTES)  # masks as text are longer than the default
        reader = csv.DictReader(io.StringIO(read_text(self.source, self.file, self.report), newline=""), strict=False)
        number = 1
        try:
            for number, values in enumerate(reader, start=2):
                surplus = values.pop(None, None)
                where = f"{self.file}: row {number}"
                if surplus:
                    yield Row(where, None, "has more values than columns")
                else:
                    yield Row(where, {name: value for name, value in values.items() if value not in (None, "")})
        except csv.Error as error:
            raise DataError(f"{self.file} is not valid CSV after row {number} ({error}): save it again") from error


class Parquet(Table):
    """A Parquet file; read in small batches."""

    def count(self) -> int:
        with self._opened() as opened:
            self.class_names = self.class_names or class_names_of(opened.schema_arrow)
            return int(opened.metadata.num_rows)

    def rows(self) -> Iterator[Row]:
        with self._opened() as opened:
            yield from _batch_rows(self, opened.iter_batches(batch_size=ROWS_PER_BATCH))

    def _opened(self) -> Any:
        pa = load_pyarrow("Reading Parquet files")
        try:
            return pa.parquet.ParquetFile(self.source.path(self.file), memory_map=True)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise self._unreadable(error) from error


class Arrow(Table):
    """An Arrow stream or file, as `save_to_disk` writes it; mapped into memory, not loaded."""

    def count(self) -> int:
        return _counted(batch.num_rows for batch in self._batches())

    def rows(self) -> Iterator[Row]:
        yield from _batch_rows(self, self._batches(checked=True))

    def _batches(self, checked: bool = False) -> Iterator[Any]:
        """checked: whether to check all offsets, as those of a damaged file may point anywhere."""
        pa = load_pyarrow("Reading Arrow files")
        try:
            mapped = pa.memory_map(str(self.source.path(self.file)))
            try:
                reader = pa.ipc.open_stream(mapped)
                batches: Iterator[Any] = iter(reader)
            except pa.ArrowInvalid:
                mapped.seek(0)
                reader = pa.ipc.open_file(mapped)
                batches = (reader.get_batch(number) for number in range(reader.num_record_batches))
            self.class_names = self.class_names or class_names_of(reader.schema)
            for batch in batches:
                if checked:
                    batch.validate(full=True)
                yield batch
        except (pa.ArrowException, OSError, ValueError) as error:
            raise self._unreadable(error) from error


def _counted(numbers: Iterator[int]) -> int:
    """Their sum, as far as they can be read; `rows` says what is wrong with the rest. Raises DataError if there is
    nothing that can be read.
    """
    total = 0
    try:
        for number in numbers:
            total += number
    except DataError:
        if not total:
            raise
    return total


def _batch_rows(table: Table, batches: Iterator[Any]) -> Iterator[Row]:
    """The rows of record batches, decoded one by one, so that a bad one does not affect the others."""
    pa = load_pyarrow("Reading Parquet files")
    number = 0
    try:
        for batch in batches:
            for position in range(batch.num_rows):
                number += 1
                where = f"{table.file}: row {number}"
                try:
                    [values] = batch.slice(position, 1).to_pylist()
                except (pa.ArrowException, ValueError, OverflowError) as error:
                    yield Row(where, None, f"cannot be decoded ({type(error).__name__})")
                    continue
                yield Row(where, values)
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{table.file} is damaged after row {number} ({type(error).__name__}): save it again"
        ) from error


def class_names_of(schema: Any) -> ClassNames:
    """The names of categories that the `datasets` library keeps in the metadata of an Arrow schema."""
    metadata = (schema.metadata or {}).get(b"huggingface")
    try:
        values = json.loads(metadata) if metadata else {}
    except (ValueError, RecursionError):
        return {}
    info = values.get("info") if isinstance(values, dict) else None
    return features_class_names(info.get("features") if isinstance(info, dict) else None)


def features_class_names(features: Any) -> ClassNames:
    """The names of categories in the `features` of a dataset_info.json."""
    found: dict[tuple[str, ...], Sequence[str]] = {}

    def visit(value: Any, path: tuple[str, ...]) -> None:
        if isinstance(value, list) and len(value) == 1:
            visit(value[0], path)
        if not isinstance(value, dict) or len(path) > 10:
            return
        names = value.get("names")
        if value.get("_type") == "ClassLabel":
            if isinstance(names, list) and all(isinstance(name, str) for name in names):
                found[path] = names
        elif isinstance(value.get("_type"), str) and "feature" in value:
            visit(value["feature"], path)
        else:
            for key, inner in value.items():
                visit(inner, (*path, key))

    visit(features, ())
    return found
