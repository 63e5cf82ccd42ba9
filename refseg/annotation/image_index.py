"""What the image list shows of each image, and its cache on disk: a project opens without reading its records."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from refseg.annotation.records import STATES, AnnotatedImage, State
from refseg.files import replacing


@dataclass(frozen=True)
class ImageSummary:
    """An image in the image list: what the list shows without reading the record. annotations: their number."""

    name: str
    state: State
    annotations: int
    uncertainty: float
    added: str

    @classmethod
    def of(cls, record: AnnotatedImage) -> ImageSummary:
        """The summary of a record."""
        return cls(record.name, record.state, len(record.annotations), record.uncertainty, record.added)


class IndexedImage(NamedTuple):
    """A summary, and the time (nanoseconds) and size (bytes) of the record's file when it was read."""

    modified: int
    size: int
    summary: ImageSummary


def read_index(path: Path) -> dict[str, IndexedImage]:
    """The cached summaries by image name; empty if there is no cache, or if it is damaged."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(name): IndexedImage(
                int(modified),
                int(size),
                ImageSummary(str(name), STATES[STATES.index(state)], int(annotations), float(uncertainty), str(added)),
            )
            for name, (modified, size, state, annotations, uncertainty, added) in rows.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def write_index(path: Path, images: Mapping[str, IndexedImage]) -> None:
    """Writes the cache. A failure is ignored: without the cache the records are read again."""
    rows = {
        name: [modified, size, summary.state, summary.annotations, summary.uncertainty, summary.added]
        for name, (modified, size, summary) in images.items()
    }
    try:
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(rows), encoding="utf-8")
    except OSError:
        return
