"""A folder that the `datasets` library of Hugging Face loads as it is (ImageFolder), with a card.

    README.md                        the card: a YAML head that names the splits, and how to load them
    data/SPLIT/NAME                  the pictures
    data/SPLIT/metadata.jsonl        one line a picture: {"file_name": NAME, "width": W, "height": H, "objects": {...}, "absent": [[TEXT, ...], ...]}

Objects are columns, as the library keeps them: "expressions" (a list of texts each), "category", "bbox" (left, top, width, height in pixels) and
"segmentation" (COCO run lengths).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refseg.annotation.importers.reading import inside, new_layer, take, texts
from refseg.annotation.layouts import DATASETS_ROWS, UNNAMED
from refseg.annotation.progress import Progress, followed, silent
from refseg.annotation.records import Layer
from refseg.annotation.store import Project
from refseg.data.masks import segmentation_to_mask
from refseg.errors import DataError

MAX_ROW_BYTES = 200_000_000


@dataclass(frozen=True)
class _Line:
    """Where a row stands in its file."""

    file: Path
    number: int
    start: int
    length: int

    def read(self) -> Mapping[str, Any]:
        """The row. Raises DataError."""
        with self.file.open("rb") as rows:
            rows.seek(self.start)
            data = rows.read(self.length)
        try:
            row = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{self} is not valid JSON ({error})") from error
        if not isinstance(row, dict) or not isinstance(row.get("file_name"), str):
            raise DataError(f"{self} is not what was expected: a JSON object with a file_name")
        return row

    def __str__(self) -> str:
        return f"line {self.number} of {self.file}"


def import_datasets(root: Path, project: Project, progress: Progress = silent) -> int:
    """All metadata.jsonl in a folder; returns the number of masks. A picture's split is the name of the folder that its line is in.

    Raises DataError, ImageError or ProjectError.
    """
    lines = [line for file in sorted(root.rglob(DATASETS_ROWS)) for line in _lines(file)]
    if not lines:
        raise DataError(f"{root} holds no rows, expected {DATASETS_ROWS} in data/SPLIT")
    return sum(_take(root, project, line) for line in followed(lines, progress))


def _lines(file: Path) -> Iterator[_Line]:
    start = 0
    with file.open("rb") as rows:
        for number, line in enumerate(iter(lambda: rows.readline(MAX_ROW_BYTES + 1), b""), start=1):
            if len(line) > MAX_ROW_BYTES:
                raise DataError(
                    f"line {number} of {file} has more than {MAX_ROW_BYTES // 1_000_000} MB, expected what is known of a picture"
                )
            if line.strip():
                yield _Line(file, number, start, len(line))
            start += len(line)


def _take(root: Path, project: Project, line: _Line) -> int:
    row, folder = line.read(), line.file.parent
    objects, absent = row.get("objects") or {}, row.get("absent") or []
    if not isinstance(objects, dict) or not isinstance(absent, list):
        raise DataError(f"{line} has objects or absent that are not what was expected: columns, and a list of lists of texts")
    masks = _column(objects, "segmentation", 0, line)
    longest = max((len(column) for column in objects.values() if isinstance(column, list)), default=0)
    if len(masks) != longest:
        raise DataError(f"{line} has {len(masks)} segmentations of {longest} objects, expected one for each")
    sentences, categories = _column(objects, "expressions", len(masks), line), _column(objects, "category", len(masks), line)
    if not all(category is None or isinstance(category, str) for category in categories):
        raise DataError(f"{line} has categories that are not texts: {str(categories)[:80]}")

    def layers(height: int, width: int) -> Iterator[Layer]:
        for number, (mask, said_of, category) in enumerate(zip(masks, sentences, categories, strict=True), start=1):
            try:
                pixels = segmentation_to_mask(mask, height, width)
            except DataError as error:
                raise DataError(f"{line}, object {number}: {error}") from error
            name = "" if category in (None, UNNAMED) else category
            yield new_layer(str(number), pixels, texts(said_of, f"{line}, expressions"), name)
        for number, said_of in enumerate(absent, start=1):
            yield new_layer(f"absent-{number}", None, texts(said_of, f"{line}, absent"), absent=True)

    split = "" if folder == root else folder.name
    path = inside(root, (folder.relative_to(root) / row["file_name"]).as_posix(), line.file)
    return take(project, path, layers, split=split)


def _column(objects: Mapping[str, Any], name: str, length: int, line: _Line) -> list[Any]:
    """A column of the objects, of nothing where it is missing. Raises DataError."""
    column = objects.get(name)
    if column is None:
        return [None] * length
    if not isinstance(column, list) or (length and len(column) != length):
        raise DataError(f"{line} has the column {name} {str(column)[:80]!r}, expected a list with a value for each object")
    return column
