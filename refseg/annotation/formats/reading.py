"""What all importers share: how strangers' files are read, and how a picture and its masks come into a project."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from refseg.annotation.records import Layer, PictureRecord, now
from refseg.annotation.store import Project
from refseg.data.masks import BoolMask, encode_rle
from refseg.errors import DataError

Layers = Callable[[int, int], Iterable[Layer]]
"""The layers of a picture, given its height and width in pixels."""


def take(project: Project, path: Path, layers: Layers, *, name: str = "", split: str = "") -> int:
    """A picture and its layers in one write; returns the number of masks. Without layers it is new, as nobody has looked at it.

    name: the picture's, where its file's own name says too little. Raises DataError, ImageError or ProjectError.
    """

    def filled(record: PictureRecord) -> PictureRecord:
        known = tuple(layers(record.height, record.width))
        return replace(record, layers=known, split=split, state="accepted" if known else "new")

    record = project.add_picture(path, name=name, filled=filled)
    return sum(layer.mask is not None for layer in record.layers)


def new_layer(id_: str, mask: BoolMask | None, expressions: Iterable[str] = (), category: str = "", absent: bool = False) -> Layer:
    """A layer as it comes out of somebody else's data set; mask: (H, W), None for none."""
    return Layer(id_, tuple(expressions), category, absent=absent, mask=None if mask is None else encode_rle(mask), created=now())


def inside(root: Path, name: str, said_in: Path) -> Path:
    """A file under the root that a data set names, with "/" between folders. Raises DataError for one that leads out of it or is not there."""
    odd = "\\" in name or "\0" in name
    path = root if odd else (root / name).resolve()
    if odd or not path.is_relative_to(root.resolve()):
        raise DataError(f"{said_in} names {name[:200]!r}, expected a file inside {root}")
    if not path.is_file():
        raise DataError(f"{said_in} names {name[:200]!r}, which is not in {root}: put it there")
    return path


def texts(value: Any, where: str) -> list[str]:
    """A list of texts, less blank ones; None counts as an empty list. Raises DataError."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise DataError(f"{where}: got {str(value)[:80]!r}, expected a list of texts")
    return [text for text in value if text.strip()]
