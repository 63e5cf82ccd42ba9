"""Reads another tool's data set into a project: one module per format, registered here by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from refseg.annotation.importers import coco, datasets, grefcoco, labelme, png, refcoco, voc, yolo, ytvos
from refseg.annotation.importers.report import ImportReport
from refseg.annotation.importers.session import ImportSession
from refseg.annotation.importers.source import Source
from refseg.annotation.progress import ProgressCallback, no_progress
from refseg.annotation.project import Project
from refseg.errors import DataError


@dataclass(frozen=True)
class Importer:
    """A format that can be read.

    read: adds everything to the session's project and counts in its report what is skipped or altered; raises DataError
    only where the source is not of the format at all.  detect: whether a source looks like this format, decided by its
    files and the first bytes of a few of them.
    """

    read: Callable[[Source, ImportSession], None]
    detect: Callable[[Source], bool] = lambda source: False


# In the order in which a format is guessed: the more special ones first.
IMPORTERS: dict[str, Importer] = {
    "grefcoco": Importer(grefcoco.read, grefcoco.detect),
    "refcoco": Importer(refcoco.read, refcoco.detect),
    "coco": Importer(coco.read, coco.detect),
    "ytvos": Importer(ytvos.read, ytvos.detect),
    "datasets": Importer(datasets.read, datasets.detect),
    "png": Importer(png.read, png.detect),
    "yolo": Importer(yolo.read, yolo.detect),
    "voc": Importer(voc.read, voc.detect),
    "labelme": Importer(labelme.read, labelme.detect),
}


def detect_format(source: Source) -> str:
    """The name of the first format that a source looks like. Raises DataError."""
    for name, importer in IMPORTERS.items():
        if importer.detect(source):
            return name
    raise DataError(f"the format of the data set was not recognized: name one of {', '.join(sorted(IMPORTERS))}")


def import_from(
    name: str | None,
    folder: Path,
    project: Project,
    progress: ProgressCallback = no_progress,
    guessed_names: Sequence[str] = (),
) -> ImportReport:
    """Read a folder into a project; what is wrong in single entries is skipped and counted.

    name: of the format; None guesses it.  guessed_names: see `archives.unpacked`, for the report.  Raises DataError,
    with the project as it was before, if the folder is not of the format or no image of it can be used, ImageError or
    ProjectError if the project cannot be written.
    """
    before = {entry.name for entry in project.summaries}
    try:
        source = Source(folder)
        name = name or detect_format(source)
        session = ImportSession(project, ImportReport(name), progress)
        for guessed in guessed_names:
            session.report.alter("file name", "read in an encoding that the zip does not state", guessed)
        if source.outside:
            session.report.skip("file", "is a link that leads out of the data set", count=source.outside)
        IMPORTERS[name].read(source, session)
        if not session.report.images:
            reasons = "; ".join(session.report.summary()[1:4]) or "it has no images"
            raise DataError(f"nothing was imported as {name}: {reasons}. Fix the data set or choose another format")
    except BaseException:
        project.remove_images([entry.name for entry in project.summaries if entry.name not in before])
        raise
    finally:
        project.write_index()
    return session.report
