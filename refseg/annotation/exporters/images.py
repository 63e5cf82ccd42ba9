"""The images of an export: which files are copied as they are, which are converted, and under which names."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

from PIL import Image

from refseg.annotation.exporters.session import ExportSession
from refseg.annotation.layouts import UNNAMED
from refseg.annotation.names import file_name, name_key
from refseg.annotation.records import AnnotatedImage, Annotation
from refseg.errors import ProjectError
from refseg.images import ImageHeader, load_image, opened_image, read_image_header
from refseg.png_chunks import without_large_metadata

QUALITY = 95  # of JPEGs that are encoded again
# Of the formats that are copied; a file with another one is not found by tools that list images.
SUFFIXES = {
    "JPEG": (".jpg", ".jpeg"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
}
# Formats that most tools read; the rest become PNGs.
COMMON = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
# Pillow's modes of at most 8 bits a channel in gray or RGB, which all tools open.
PLAIN_MODES = ("1", "L", "LA", "RGB", "RGBA")


def image_keys(record: AnnotatedImage) -> dict[str, Any]:
    """What this project knows of an image beside its size, as keys that other tools ignore: split, state, clip and
    frame (only for frames)."""
    keys: dict[str, Any] = {"split": record.split, "state": record.state}
    if record.clip:
        keys |= {"clip": record.clip, "frame": record.frame}
    return keys


def category_of(annotation: Annotation) -> str:
    """The category of an object; for one without, the name that formats which require one use instead."""
    return annotation.category or UNNAMED


def portable(name: str) -> str:
    """A name that any system can have for a file or a folder, with letters of every script."""
    return file_name("".join(character if character.isprintable() else "_" for character in name)).strip(" .") or "_"


class ImageWriter:
    """Writes the images of one export under names that do not clash, and reports those that are not copied as they are.

    An image whose EXIF data turn or mirror it is written upright and without EXIF, because half of the tools ignore the
    orientation and masks are upright. An image in a format that few tools read becomes a PNG.
    """

    def __init__(self, session: ExportSession, *, stems: bool = False, jpeg: bool = False, plain: bool = False) -> None:
        """stems: names differ before their suffixes, for formats with a file of the same name beside the image.  jpeg:
        all images are, or become, JPEGs.  plain: images of more than 8 bits a channel, in CMYK and the like, and the
        first frame of animations become 8-bit gray or RGB."""
        self._session, self._stems, self._jpeg, self._plain = session, stems or jpeg, jpeg, plain or jpeg
        self._taken: set[str] = set()

    def put(self, record: AnnotatedImage, folder: str = "", name: str = "") -> str:
        """Write an image to a folder ("" or ending with "/") under its own or the given name; returns its file's name
        there.

        Raises ImageError, or ProjectError if the image has another size than its masks.
        """
        path = self._session.project.image_path(record)
        header = read_image_header(path)
        if (header.height, header.width) != (record.height, record.width):
            raise ProjectError(
                f"the image {record.name} has {header.width} x {header.height} pixels, expected the {record.width} x"
                f" {record.height} of its masks: put the image back that they were made for"
            )
        name = portable(name or record.name)
        jpeg = self._jpeg or header.format == "JPEG"
        reasons = self._conversions(path, header)
        if reasons:
            kept = jpeg and not self._jpeg and name.lower().endswith(SUFFIXES["JPEG"])
            name = self._free(folder, name, "" if kept else ".jpg" if jpeg else ".png")
            self._session.output.write(folder + name, _encoded(path, "JPEG" if jpeg else "PNG"))
        else:
            name = self._free(folder, *_with_suffix(name, ".jpg" if self._jpeg else "", header.format))
            smaller = _without_large_metadata(path)
            if smaller is None:
                self._session.output.copy(folder + name, path)
            else:
                self._session.output.write(folder + name, smaller)
                reasons = ["metadata that are too large for most readers left out"]
        if reasons:
            self._session.report.alter("image", "; ".join(reasons), f"{record.name} -> {folder}{name}")
        return name

    def _conversions(self, path: Path, header: ImageHeader) -> list[str]:
        """Why the pixels of an image cannot be copied as they are; empty if they can."""
        reasons = []
        if not header.upright:
            reasons.append("turned upright")
        if header.format not in (("JPEG",) if self._jpeg else COMMON):
            reasons.append(f"{header.format} converted to {'JPEG' if self._jpeg else 'PNG'}")
        if self._plain:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with opened_image(path, path.name) as image:
                    mode, frames = image.mode, getattr(image, "n_frames", 1)
            if mode not in (*PLAIN_MODES, *(("P",) if header.format == "PNG" else ())):
                reasons.append(f"pixels of the type {mode} converted to 8-bit RGB")
            if (
                frames > 1 and header.format != "JPEG"
            ):  # phones put further JPEGs behind the first, which readers ignore
                reasons.append(f"only the first of several frames of {header.format}")
        return reasons

    def _free(self, folder: str, name: str, suffix: str) -> str:
        """The name, with another suffix if one is given, and with a number if it is taken in the folder."""
        stem, suffix = Path(name).stem, suffix or Path(name).suffix
        free, number = stem, 1
        while (key := name_key(folder + (free if self._stems else free + suffix))) in self._taken:
            number += 1
            free = f"{stem}-{number}"
        self._taken.add(key)
        return free + suffix


def _with_suffix(name: str, suffix: str, form: str) -> tuple[str, str]:
    """A name and the suffix to replace its own with, "" to keep it; one that no tool lists is replaced if it is an
    image's, otherwise kept before it."""
    known = Path(name).suffix.lower()
    if not suffix and not any(known in suffixes for suffixes in SUFFIXES.values()):
        suffix = SUFFIXES[form][0]
        name = name if known in Image.registered_extensions() or not known else name + suffix
    return name, suffix


def _without_large_metadata(path: Path) -> bytes | None:
    """A PNG file without the text and color profiles that Pillow refuses to read; None if it has none."""
    with path.open("rb") as file:
        smaller = without_large_metadata(file)
        return None if smaller is None else smaller.read()


def _encoded(path: Path, form: str) -> bytes:
    """The image as it is shown, with the color profile of its RGB."""
    with opened_image(path, path.name) as image:
        profile = image.info.get("icc_profile") if image.mode in ("RGB", "RGBA") else None
    data = io.BytesIO()
    options = {"quality": QUALITY, "subsampling": 0} if form == "JPEG" else {}
    Image.fromarray(load_image(path)).save(data, format=form, icc_profile=profile, **options)
    return data.getvalue()
