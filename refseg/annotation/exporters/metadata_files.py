"""metadata.parquet: one row an image, with column types that do not depend on the values.

The `datasets` library infers the types of a metadata.jsonl from its first rows and refuses to load splits whose types
differ, which happens as soon as a list is empty in all rows of one split. Parquet states the types. Without pyarrow
the nested columns are written to a metadata.jsonl as JSON texts, whose type is always the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from refseg.annotation.layouts import DATASETS_NESTED
from refseg.annotation.parquet import load_pyarrow
from refseg.errors import UnavailableError

Row = Mapping[str, Any]

ROWS_PER_GROUP = 200  # written at once, so that memory does not grow with the data set


class MetadataFile(Protocol):
    """A metadata file that is written row by row."""

    def add(self, row: Row) -> None:
        """Write a row."""
        ...

    def close(self) -> None:
        """Finish the file. Call it also after an error."""
        ...


def pyarrow_or_none() -> ModuleType | None:
    """pyarrow, or None if it is not installed."""
    try:
        return load_pyarrow("Writing Parquet files")
    except UnavailableError:
        return None


class ParquetMetadata:
    """Writes a Parquet file in groups of rows."""

    def __init__(self, path: Path, pa: ModuleType) -> None:
        """pa: pyarrow."""
        self._pa = pa
        self._schema = _schema(pa)
        self._writer = pa.parquet.ParquetWriter(path, self._schema)
        self._rows: list[Row] = []

    def add(self, row: Row) -> None:
        """Write a row."""
        self._rows.append(row)
        if len(self._rows) >= ROWS_PER_GROUP:
            self._flush()

    def close(self) -> None:
        """Finish the file."""
        try:
            self._flush()
        finally:
            self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(self._pa.Table.from_pylist(self._rows, schema=self._schema))
            self._rows = []


class JsonlMetadata:
    """Writes a JSON Lines file in which nested columns are JSON texts."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", newline="\n")

    def add(self, row: Row) -> None:
        """Write a row."""
        self._file.write(
            _json({name: _json(value) if name in DATASETS_NESTED else value for name, value in row.items()}) + "\n"
        )

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _schema(pa: ModuleType) -> Any:
    """The columns of a row with their types."""
    text, whole = pa.string(), pa.int64()
    texts = pa.list_(text)
    source = pa.struct([("name", text), ("id", text), ("split", text), ("clip", text), ("frame", whole)])
    objects = pa.struct(
        [
            ("id", texts),
            ("expressions", pa.list_(texts)),
            ("category", texts),
            ("category_id", texts),
            ("unnamed", pa.list_(pa.bool_())),
            ("bbox", pa.list_(pa.list_(whole))),
            ("segmentation", pa.list_(pa.struct([("size", pa.list_(whole)), ("counts", text)]))),
        ]
    )
    columns = [("file_name", text), ("width", whole), ("height", whole), ("state", text)]
    return pa.schema([*columns, ("source", source), ("objects", objects), ("absent", pa.list_(texts))])
