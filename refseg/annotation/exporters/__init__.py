"""Writes a project in another tool's format: one module per format, registered here by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from refseg.annotation.export_formats import EXPORT_FORMATS, ExportFormat
from refseg.annotation.export_output import open_output
from refseg.annotation.exporters.coco import export_coco, export_coco_polygons
from refseg.annotation.exporters.datasets import export_datasets
from refseg.annotation.exporters.grefcoco import export_grefcoco
from refseg.annotation.exporters.labelme import export_labelme, export_labelme_polygons
from refseg.annotation.exporters.options import ExportOptions
from refseg.annotation.exporters.png import export_png
from refseg.annotation.exporters.refcoco import export_refcoco
from refseg.annotation.exporters.report import ExportReport
from refseg.annotation.exporters.session import ExportSession
from refseg.annotation.exporters.voc import export_voc
from refseg.annotation.exporters.yolo import export_yolo
from refseg.annotation.exporters.ytvos import export_ytvos
from refseg.annotation.progress import ProgressCallback, no_progress
from refseg.annotation.project import Project


@dataclass(frozen=True)
class Exporter:
    """A format that can be written.

    write: writes the images of a session to its output and counts in its report what is written, lost or altered;
    raises ProjectError or ImageError. format: its name for people, and what it keeps and loses.
    """

    write: Callable[[ExportSession], None]
    format: ExportFormat


_WRITERS: dict[str, Callable[[ExportSession], None]] = {
    "coco": export_coco,
    "coco-polygons": export_coco_polygons,
    "refcoco": export_refcoco,
    "grefcoco": export_grefcoco,
    "ytvos": export_ytvos,
    "png": export_png,
    "yolo": export_yolo,
    "voc": export_voc,
    "labelme": export_labelme,
    "labelme-polygons": export_labelme_polygons,
    "datasets": export_datasets,
}
EXPORTERS = {name: Exporter(write, EXPORT_FORMATS[name]) for name, write in _WRITERS.items()}


def export_to(
    name: str,
    project: Project,
    path: Path,
    progress: ProgressCallback = no_progress,
    options: ExportOptions | None = None,
) -> ExportReport:
    """Write a project in one format to a new folder or a .zip file, completely or not at all.

    progress: called with the images done and of how many; what it raises stops the export.  Raises ProjectError or
    ImageError.
    """
    with open_output(path) as output:
        session = ExportSession(project, output, options or ExportOptions(), ExportReport(name), progress)
        EXPORTERS[name].write(session)
    return session.report
