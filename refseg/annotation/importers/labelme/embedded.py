"""The image that a JSON of LabelMe belongs to: a file in the data set, or the one that is embedded in the JSON."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from refseg.annotation.importers.source import IMAGE_SUFFIXES, Source
from refseg.errors import DataError, ImageError
from refseg.images import read_image_header

_SUFFIXES = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "GIF": ".gif",
    "BMP": ".bmp",
    "TIFF": ".tif",
    "AVIF": ".avif",
    "JPEG2000": ".jp2",
}


@dataclass(frozen=True)
class FoundImage:
    """path: of a file that can be added; None for none.  name: for the record.  file: in the data set, None for an
    embedded one.  problem: what the report should say of it, "" for nothing."""

    path: Path | None
    name: str = ""
    file: str | None = None
    problem: str = ""


def find_image(
    source: Source, json_file: str, values: Mapping[str, Any], stated: tuple[int, int] | None, folder: Path
) -> FoundImage:
    """Where imagePath says, seen from the JSON; otherwise beside it under its own or the JSON's name; otherwise the
    embedded image.

    stated: (height, width) in the JSON. Of a file and an embedded image of different sizes, that of the stated size is
    right.  folder: for the embedded image.
    """
    file = _find_file(source, json_file, values.get("imagePath"))
    path = None if file is None else source.path(file)
    embedded, problem = None, ""
    if values.get("imageData") and (path is None or (stated is not None and _size(path) != stated)):
        embedded, problem = _save_embedded(values["imageData"], folder)
    if path is not None:
        if embedded is not None and _size(embedded) == stated:
            problem = "embedded one used because the file has another size than the JSON says"
            return FoundImage(embedded, file or "", file, problem)
        return FoundImage(path, file or "", file)
    if embedded is None:
        return FoundImage(None, problem=problem or "that is not in the data set")
    return FoundImage(embedded, _name_of(json_file, values.get("imagePath"), embedded.suffix))


def _find_file(source: Source, json_file: str, stated: Any) -> str | None:
    folder, stem = PurePosixPath(json_file).parent.as_posix(), PurePosixPath(json_file).stem
    if isinstance(stated, str) and stated and (found := source.find(stated, folder)) is not None:
        return found if PurePosixPath(found).suffix.casefold() in IMAGE_SUFFIXES else None
    renamed = [source.find(f"{folder}/{stem}{suffix}") for suffix in sorted(IMAGE_SUFFIXES)]
    beside = {file for file in renamed if file is not None and PurePosixPath(file).parent.as_posix() == folder}
    return beside.pop() if len(beside) == 1 else None


def _save_embedded(data: Any, folder: Path) -> tuple[Path | None, str]:
    """The path of the decoded image, and what is wrong with it if there is none."""
    try:
        content = decode_base64(data)
    except DataError:
        return None, "that is not in the data set and is embedded in the JSON, but not as base64"
    path = folder / "embedded"
    path.write_bytes(content)
    try:
        suffix = _SUFFIXES.get(read_image_header(path).format, ".png")
    except ImageError:
        return None, "that is not in the data set and is embedded in the JSON, but cannot be read"
    return path.replace(path.with_suffix(suffix)), ""


def decode_base64(data: Any) -> bytes:
    """The bytes of base64 text, with line breaks or as a data URI. Raises DataError."""
    if not isinstance(data, str):
        raise DataError("is not base64")
    text = data.partition(",")[2] if data.startswith("data:") else data
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError as error:
        raise DataError("is not base64") from error


def _name_of(json_file: str, stated: Any, suffix: str) -> str:
    """Name of an embedded image: that of imagePath, otherwise that of the JSON; its suffix is what the image
    really is.
    """
    name = PurePosixPath(stated.replace("\\", "/")) if isinstance(stated, str) else PurePosixPath("")
    is_right = name.suffix.casefold() == suffix or (suffix == ".jpg" and name.suffix.casefold() == ".jpeg")
    stem = name.stem if name.suffix.casefold() in IMAGE_SUFFIXES else name.name
    return f"{stem or PurePosixPath(json_file).stem}{name.suffix if is_right else suffix}"


def _size(path: Path) -> tuple[int, int] | None:
    try:
        header = read_image_header(path)
    except ImageError:
        return None
    return header.height, header.width
