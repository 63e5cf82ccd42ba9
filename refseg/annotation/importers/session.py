"""One import into one project: adds images with their objects and counts what happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from refseg.annotation.importers.report import ImportReport
from refseg.annotation.progress import Progress, silent
from refseg.annotation.records import Layer, PictureRecord
from refseg.annotation.store import Project
from refseg.errors import DataError, ImageError

Objects = Callable[[int, int], Iterable[Layer]]
"""The objects of an image, given its height and width in pixels."""


@dataclass
class ImportSession:
    """The project that is written to and the report that grows with it."""

    project: Project
    report: ImportReport = field(default_factory=ImportReport)
    progress: Progress = silent

    def add_image(
        self,
        path: Path,
        objects: Objects,
        *,
        where: str,
        name: str = "",
        split: str = "",
        clip: str = "",
        frame: int | None = None,
        complete: bool = True,
    ) -> bool:
        """Add an image with its objects in one write; returns whether it was added.

        An image that cannot be read, or whose objects raise DataError, is skipped and counted. where: the entry that names it, for the report.  name:
        for the image, if that of its file says too little.  complete: whether its objects need no further look; without it, and without objects or with
        an empty mask, the image stays "new", otherwise it is "accepted".
        """

        def filled(record: PictureRecord) -> PictureRecord:
            known = tuple(objects(record.height, record.width))
            finished = complete and bool(known) and all(_is_finished(one) for one in known)
            return replace(record, layers=known, split=split, clip=clip, frame=frame, state="accepted" if finished else "new")

        try:
            record = self.project.add_picture(path, name=name, filled=filled)
        except (DataError, ImageError) as error:
            self.report.skip("image", _reason(error), where)
            return False
        self.report.images += 1
        for one in record.layers:
            self.report.objects += one.mask is not None
            self.report.no_target += one.absent
            self.report.expressions += len(one.expressions)
        return True


def _is_finished(one: Layer) -> bool:
    """Whether a person need not look at an object: it has a mask of some pixels, or is marked as no-target."""
    pixels = one.pixels()
    return one.absent or (pixels is not None and bool(pixels.any()))


def _reason(error: Exception) -> str:
    return str(error).split(":", 1)[0] if len(str(error)) > 120 else str(error)
