"""One import into one project: adds images with their objects and counts what happens."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from refseg.annotation.importers.objects import ImportedObject, ObjectReader
from refseg.annotation.importers.report import ImportReport
from refseg.annotation.importers.sizes import SizeFit
from refseg.annotation.importers.values import original_id as kept_id
from refseg.annotation.names import file_name
from refseg.annotation.progress import ProgressCallback, no_progress
from refseg.annotation.project import Project
from refseg.annotation.record_json import is_text
from refseg.annotation.records import MAX_TEXT, STATES, AnnotatedImage, State
from refseg.errors import DataError, ImageError
from refseg.images import check_whole, read_image_header

Objects = Callable[[int, int], Iterable[ImportedObject]]
"""The objects of an image, given the height and width in pixels of the image as it was annotated."""


@dataclass
class ImportSession:
    """The project that is written to and the report that grows with it.

    files: of the data set, that importers have read as images already.
    """

    project: Project
    report: ImportReport = field(default_factory=ImportReport)
    progress: ProgressCallback = no_progress
    files: set[str] = field(default_factory=set)

    def add_image(
        self,
        path: Path,
        objects: Objects,
        *,
        where: str,
        name: str = "",
        original_name: str = "",
        original_id: Any = None,
        annotated: tuple[int, int] | None = None,
        split: str = "",
        clip: str = "",
        frame: int | None = None,
        complete: bool = True,
        state: Any = None,
    ) -> bool:
        """Add an image with its objects in one write; returns whether it was added.

        An image that cannot be read, whose annotated size does not fit, or whose objects raise DataError is skipped and
        counted.  where: the entry that names it, for the report.  original_name: its path in the data set, "/" between
        folders; the image is named like the file.  name: for an image that is to be named otherwise, as the frames of
        videos are.  original_id: its id in the data set, any JSON value.  annotated: (height, width) that the data set
        gives; None for none.  complete: whether its objects need no further look. Without it, without objects, or if
        an object was left out or had no mask, the image stays "new", otherwise it is "accepted".  state: what the data
        set says of it, if it is one of STATES; "accepted" does not outweigh the rule above.
        """
        try:
            header = read_image_header(path)
            check_whole(path)  # an image that is cut off could be neither shown nor exported
        except (ImageError, OSError) as error:
            return self._skip("that cannot be read", where, error)
        if not (is_text(split) and is_text(clip)):
            return self._skip(f"with a split or clip of more than {MAX_TEXT} characters", where)
        try:
            fit = SizeFit.of(header, annotated)
        except DataError as error:
            return self._skip("of another shape than its annotations", where, error)
        reader = ObjectReader(header, fit, self.report, where)

        def filled(record: AnnotatedImage) -> AnnotatedImage:
            known = reader.read(objects)
            stated: State = next((one for one in STATES if one == state), "accepted" if complete and known else "new")
            return replace(
                record,
                annotations=known,
                split=split,
                clip=clip,
                frame=frame,
                state="new" if stated == "accepted" and not reader.is_complete else stated,
                original_name=original_name if is_text(original_name) else "",
                original_id=kept_id(original_id),
            )

        wanted = name or self._free_name(original_name or path.name)
        try:
            record = self.project.add_image(path, name=wanted, filled=filled)
        except (DataError, ImageError) as error:
            return self._skip("whose objects cannot be read", where, error)
        self._count(record, name or _base_name(original_name or path.name), where)
        return True

    def _skip(self, reason: str, where: str, error: Exception | None = None) -> bool:
        self.report.skip("image", reason, f"{where}: {error}" if error else where)
        return False

    def _free_name(self, original: str) -> str:
        """The base name of a path, with as many of its folders as are needed to tell it from the images that are in the
        project already.
        """
        parts = original.replace("\\", "/").strip("/").split("/")
        names = [file_name("-".join(parts[-size:])) for size in range(1, len(parts) + 1)]
        return next((one for one in names if not self.project.is_taken(one)), names[0])

    def _count(self, record: AnnotatedImage, wanted: str, where: str) -> None:
        self.report.images += 1
        for one in record.annotations:
            self.report.objects += one.mask is not None
            self.report.no_target += one.no_target
            self.report.expressions += len(one.expressions)
        if record.name == file_name(wanted) and record.name != unicodedata.normalize("NFC", wanted):
            self.report.alter(
                "image", "renamed because not every file system takes its name", f"{where}: {record.name}"
            )
        elif record.name != file_name(wanted):
            self.report.alter("image", "renamed because another image has its name", f"{where}: {record.name}")


def _base_name(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).name
