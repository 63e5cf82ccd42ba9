"""What all exporters share: which pictures belong into a data set, and how they get there."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from refseg.annotation.progress import Progress, followed, silent
from refseg.annotation.records import Layer, PictureRecord
from refseg.annotation.sinks import Sink
from refseg.annotation.store import Project
from refseg.errors import ProjectError
from refseg.images import load_image, picture_header

QUALITY = 95  # of JPEGs that are written anew
NAME_BYTES = 200
JPEG_ENDINGS = (".jpg", ".jpeg")
# What most tools read; the rest become PNGs.
COMMON = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
_RESERVED = frozenset('\\/:*?"<>|')


def finished(project: Project, progress: Progress = silent) -> Iterator[PictureRecord]:
    """Records of the pictures that belong into a data set, all but skipped ones, in the project's order; progress is told of each."""
    for name in followed((entry.name for entry in project.entries if entry.state != "skipped"), progress):
        yield project.record(name)


def said(layer: Layer) -> list[str]:
    """Its expressions, but blank ones."""
    return [text for text in layer.expressions if text.strip()]


def portable(name: str) -> str:
    """A name as one that any system can have for a file or a folder."""
    plain = "".join("_" if character in _RESERVED or not character.isprintable() else character for character in name)
    return plain.encode()[:NAME_BYTES].decode(errors="ignore").strip(". ") or "_"


class Pictures:
    """The pictures of one export, under names that do not meet.

    Files are copied as they are, but for those that only EXIF turns upright: half of the tools heed it and half do not, and masks are upright. These,
    and those in formats that few tools read, are written anew as they are seen, as JPEG or PNG and without EXIF.
    """

    def __init__(self, project: Project, sink: Sink, *, stems: bool = False, jpeg: bool = False) -> None:
        """stems: names differ before their endings, for formats that put a file of the same name beside.  jpeg: all are, or become, .jpg."""
        self._project, self._sink, self._stems, self._jpeg = project, sink, stems or jpeg, jpeg
        self._taken: set[str] = set()

    def put(self, record: PictureRecord, folder: str = "", name: str = "") -> str:
        """Write a picture to a folder, "" or with "/" at its end, under its name or another; returns its file's name there.

        Raises ImageError, or ProjectError for a picture that has changed since its masks were made.
        """
        path = self._project.picture_path(record)
        header = picture_header(path)
        if (header.height, header.width) != (record.height, record.width):
            raise ProjectError(
                f"the picture {record.name} has {header.width} x {header.height} pixels, its masks {record.width} x {record.height}: "
                "put the picture back that they were made for"
            )
        name = portable(name or record.name)
        jpeg = self._jpeg or header.format == "JPEG"
        if header.upright and (header.format == "JPEG" if self._jpeg else header.format in COMMON):
            name = self._free(folder, name, ".jpg" if self._jpeg else "" if Path(name).suffix else f".{header.format.lower()}")
            self._sink.copy(folder + name, path)
        else:
            kept = jpeg and not self._jpeg and name.lower().endswith(JPEG_ENDINGS)
            name = self._free(folder, name, "" if kept else ".jpg" if jpeg else ".png")
            self._sink.write(folder + name, _encoded(path, "JPEG" if jpeg else "PNG"))
        return name

    def _free(self, folder: str, name: str, ending: str) -> str:
        """The name, with another ending where one is given, and with a number where it is taken in the folder."""
        stem, ending = Path(name).stem, ending or Path(name).suffix
        free, number = stem, 1
        while (key := (folder + (free if self._stems else free + ending)).casefold()) in self._taken:
            number += 1
            free = f"{stem}-{number}"
        self._taken.add(key)
        return free + ending


def _encoded(path: Path, form: str) -> bytes:
    """The picture as it is seen, with the colour profile that its RGB has."""
    with Image.open(path) as picture:
        profile = picture.info.get("icc_profile") if picture.mode in ("RGB", "RGBA") else None
    data = io.BytesIO()
    options = {"quality": QUALITY, "subsampling": 0} if form == "JPEG" else {}
    Image.fromarray(load_image(path)).save(data, format=form, icc_profile=profile, **options)
    return data.getvalue()
