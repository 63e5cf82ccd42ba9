"""Data sets of Hugging Face: image folders with metadata.jsonl, .csv or .parquet, Parquet shards with embedded
images, folders of `save_to_disk`.

Columns are understood by their usual names (see `columns`); those that are not are named in the report. Rows of one
image that follow each other become one image; objects of these rows with the same mask become one object. Parquet and
Arrow files need pyarrow, never the `datasets` library, which would run code of the data set.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from refseg.annotation.importers.datasets.columns import RowContent, understand
from refseg.annotation.importers.datasets.find_tables import find_tables, is_table
from refseg.annotation.importers.datasets.images import ImageFiles, ImageKey
from refseg.annotation.importers.datasets.objects import objects_of
from refseg.annotation.importers.datasets.tables import Row, Table
from refseg.annotation.importers.session import ImportSession
from refseg.annotation.importers.source import Source
from refseg.annotation.importers.values import id_key, whole
from refseg.errors import DataError, UnavailableError


def detect(source: Source) -> bool:
    """Whether there is a metadata file of an image folder, a Parquet or an Arrow file."""
    return any(is_table(file) for file in source.files)


def read(source: Source, session: ImportSession) -> None:
    """Add the images of all tables. Raises DataError if there is no table that can be read, UnavailableError if
    reading them needs pyarrow.
    """
    tables, total, problem = [], 0, None
    for table in find_tables(source, session.report):
        try:
            total += table.count()
        except (DataError, UnavailableError) as error:
            problem = problem or error
            session.report.skip("file", "cannot be read", str(error))
        else:
            tables.append(table)
    if not tables:
        raise problem or DataError(
            "there is no metadata.jsonl, metadata.csv, Parquet or Arrow file: choose another format"
        )
    done = 0
    with tempfile.TemporaryDirectory(prefix="refseg-") as folder:
        images = ImageFiles(source, Path(folder))
        for table in tables:
            for same in _grouped(table, images, session):
                _add(table, same, images, session)
                done += len(same.rows)
                session.progress(done, total)


class _SameImage:
    """Rows that follow each other and have the same image."""

    def __init__(self, key: ImageKey | None, rows: list[tuple[Row, RowContent | None]]) -> None:
        self.key, self.rows = key, rows


def _grouped(table: Table, images: ImageFiles, session: ImportSession) -> Iterator[_SameImage]:
    def understood() -> Iterator[tuple[ImageKey | None, Row, RowContent | None]]:
        unknown: set[str] = set()
        for row in _rows(table, session):
            content = None if row.values is None else understand(row.values)
            if content is not None:
                for name in content.unknown:
                    if name not in unknown:
                        session.report.skip("column", "of an unknown name, not read", f"{table.file}: {name[:80]}")
                unknown.update(content.unknown)
            yield (None if content is None else images.key(content, table.folder)), row, content

    for key, rows in groupby(understood(), key=lambda found: found[0]):
        if key is None:  # rows without an image have nothing in common
            for _, row, content in rows:
                yield _SameImage(None, [(row, content)])
        else:
            yield _SameImage(
                key, [(row, _without_image(content, number)) for number, (_, row, content) in enumerate(rows)]
            )


def _without_image(content: RowContent | None, number: int) -> RowContent | None:
    """The content of a row; of further rows of an image without its bytes, which are those of the first."""
    return content if number == 0 or content is None else replace(content, image=None)


def _rows(table: Table, session: ImportSession) -> Iterator[Row]:
    try:
        yield from table.rows()
    except DataError as error:
        session.report.skip("file", "damaged, so its last rows are missing", str(error))


def _add(table: Table, same: _SameImage, images: ImageFiles, session: ImportSession) -> None:
    """Add the image of some rows with their objects."""
    row, first = same.rows[0]
    if first is None:
        session.report.skip("row", row.problem, row.where)
        return
    if same.key is None:
        reason = "without an image" if first.image is None else "whose image is not in the data set"
        session.report.skip(
            "row", reason, f"{row.where}: {str(first.image)[:80]}" if isinstance(first.image, str) else row.where
        )
        return
    contents = [(one.where, content) for one, content in same.rows if content is not None]
    for where, content in contents:
        for problem in content.problems:
            session.report.skip("object", problem, where)
    try:
        path, original_name = images.place(first, same.key, table.split)
    except DataError as error:
        session.report.skip("image", str(error).split(":", 1)[0], row.where)
        return
    source = first.source
    split, clip, frame = source.get("split"), source.get("clip"), whole(source.get("frame"))
    name = source.get("name")
    session.add_image(
        path,
        lambda height, width: objects_of(table, contents, (height, width), images, session.report),
        where=row.where,
        original_name=name if isinstance(name, str) and name else original_name,
        original_id=id_key(source.get("id")) if first.is_own else first.id,
        annotated=first.size,
        split=split if isinstance(split, str) else table.split,
        clip=clip if isinstance(clip, str) else "",
        frame=frame if isinstance(clip, str) and clip and frame is not None and frame >= 0 else None,
        complete=not any(content.problems for _, content in contents),
        state=first.state if first.is_own else None,
    )
