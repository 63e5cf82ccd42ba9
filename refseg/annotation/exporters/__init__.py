"""Writes a project in another tool's format: one module per format, registered here by name."""

from pathlib import Path
from typing import Protocol

from refseg.annotation.exporters.coco import export_coco, export_coco_polygons
from refseg.annotation.exporters.datasets import export_datasets
from refseg.annotation.exporters.grefcoco import export_grefcoco
from refseg.annotation.exporters.labelme import export_labelme
from refseg.annotation.exporters.png import export_png
from refseg.annotation.exporters.refcoco import export_refcoco
from refseg.annotation.exporters.voc import export_voc
from refseg.annotation.exporters.yolo import export_yolo
from refseg.annotation.exporters.ytvos import export_ytvos
from refseg.annotation.progress import Progress, silent
from refseg.annotation.sinks import Sink, open_sink
from refseg.annotation.store import Project


class Exporter(Protocol):
    """Writes all images that are not skipped; returns the number of masks."""

    def __call__(self, project: Project, sink: Sink, progress: Progress = silent) -> int: ...


EXPORTERS: dict[str, Exporter] = {
    "coco": export_coco,
    "coco-polygons": export_coco_polygons,
    "refcoco": export_refcoco,
    "grefcoco": export_grefcoco,
    "ytvos": export_ytvos,
    "png": export_png,
    "yolo": export_yolo,
    "voc": export_voc,
    "labelme": export_labelme,
    "datasets": export_datasets,
}


def export_to(name: str, project: Project, path: Path, progress: Progress = silent) -> int:
    """Write a project in one format to a new folder or a .zip file, completely or not at all; returns the number of masks.

    Raises ProjectError or ImageError.
    """
    with open_sink(path) as sink:
        return EXPORTERS[name](project, sink, progress)
