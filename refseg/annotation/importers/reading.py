"""What all importers share: how strangers' files are read, and how a picture and its masks come into a project."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refseg.annotation.records import Layer, PictureRecord, now
from refseg.annotation.store import Project
from refseg.data.masks import BoolMask, encode_rle
from refseg.errors import DataError
from refseg.images import MAX_BYTES, opened_image

MAX_TEXT_BYTES = 200_000_000

Layers = Callable[[int, int], Iterable[Layer]]
"""The layers of a picture, given its height and width in pixels."""


def take(project: Project, path: Path, layers: Layers, *, name: str = "", split: str = "", clip: str = "", frame: int | None = None) -> int:
    """A picture and its layers in one write; returns the number of masks. Without layers it is new, as nobody has looked at it.

    name: the picture's, where its file's own name says too little.  clip, frame: which frame of which clip it is. Raises DataError, ImageError or
    ProjectError.
    """

    def filled(record: PictureRecord) -> PictureRecord:
        known = tuple(layers(record.height, record.width))
        return replace(record, layers=known, split=split, clip=clip, frame=frame, state="accepted" if known else "new")

    record = project.add_picture(path, name=name, filled=filled)
    return sum(layer.mask is not None for layer in record.layers)


def new_layer(id_: str, mask: BoolMask | None, expressions: Iterable[str] = (), category: str = "", absent: bool = False) -> Layer:
    """A layer as it comes out of somebody else's data set; mask: (H, W), None for none."""
    return Layer(id_, tuple(expressions), category, absent=absent, mask=None if mask is None else encode_rle(mask), created=now())


def inside(root: Path, name: str, said_in: Path) -> Path:
    """A file under the root that a data set names, with "/" between folders. Raises DataError for one that leads out of it or is not there."""
    try:
        path = (root / name).resolve()
        if "\\" in name or not path.is_relative_to(root.resolve()):
            raise DataError(f"{said_in} names {name[:200]!r}, expected a file inside {root}")
        there = path.is_file()
    except (OSError, ValueError) as error:  # too long, or with characters that no name has
        raise DataError(f"{said_in} names {name[:200]!r}, which cannot be a file inside {root}") from error
    if not there:
        raise DataError(f"{said_in} names {name[:200]!r}, which is not in {root}: put it there")
    return path


def texts(value: Any, where: str) -> list[str]:
    """A list of texts, less blank ones; None counts as an empty list. Raises DataError."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise DataError(f"{where}: got {str(value)[:80]!r}, expected a list of texts")
    return [text for text in value if text.strip()]


def label_map(path: Path, height: int, width: int) -> NDArray[np.uint8]:
    """The numbers (height, width) of an indexed or grey PNG, in which each thing has one. Raises DataError."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path} has more than {MAX_BYTES:,} bytes, expected a PNG of numbers")
        labels = png_numbers(path.read_bytes(), str(path), height, width)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}): expected a PNG") from error
    if labels.shape != (height, width):
        raise DataError(f"{path} has {labels.shape[1]} x {labels.shape[0]} pixels, its picture {width} x {height}: mend it")
    return labels


def png_numbers(data: bytes, name: str, height: int, width: int) -> NDArray[np.uint8]:
    """The numbers (h, w), h <= height and w <= width, of an indexed or grey PNG; name: for what is said of a damaged one. Raises DataError."""
    try:
        with opened_image(data, name, ["PNG"]) as picture:
            if picture.size[0] > width or picture.size[1] > height:
                raise DataError(f"{name} has {picture.size[0]} x {picture.size[1]} pixels, its picture {width} x {height}: mend it")
            if picture.mode not in ("P", "L", "1"):
                raise DataError(
                    f"{name} has colours ({picture.mode}), expected an indexed or a grey PNG of 8 bits, in which pixels are numbers"
                )
            return np.array(picture, dtype=np.uint8)
    except DataError:
        raise
    except Exception as error:  # a decoder raises whatever a damaged file makes it stumble over
        raise DataError(f"{name} cannot be read ({' '.join(str(error).split())[:120]}): expected a PNG that is whole") from error


def read_text(path: Path) -> str:
    """A text file of bounded size, in UTF-8. Raises DataError."""
    try:
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise DataError(f"{path} has more than {MAX_TEXT_BYTES // 1_000_000} MB, expected a text")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({' '.join(str(error).split())[:120]}), expected a text in UTF-8") from error
