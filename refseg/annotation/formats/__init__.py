"""Other tools' formats: what can be written from a project and read into one."""

from pathlib import Path
from typing import Protocol

from refseg.annotation.formats.coco import export_coco, export_coco_polygons, import_coco
from refseg.annotation.formats.datasets import export_datasets, import_datasets
from refseg.annotation.formats.grefcoco import export_grefcoco, import_grefcoco
from refseg.annotation.formats.labelme import export_labelme, import_labelme
from refseg.annotation.formats.pngs import export_png, import_png
from refseg.annotation.formats.refcoco import export_refcoco, import_refcoco
from refseg.annotation.formats.voc import export_voc, import_voc
from refseg.annotation.formats.yolo import export_yolo, import_yolo
from refseg.annotation.formats.ytvos import export_ytvos, import_ytvos
from refseg.annotation.progress import Progress, silent
from refseg.annotation.sinks import Sink, open_sink
from refseg.annotation.store import Project


class Exporter(Protocol):
    """Writes all finished pictures; returns how many masks."""

    def __call__(self, project: Project, sink: Sink, progress: Progress = silent) -> int: ...


class Importer(Protocol):
    """Reads everything into a project; returns how many masks."""

    def __call__(self, root: Path, project: Project, progress: Progress = silent) -> int: ...


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
IMPORTERS: dict[str, Importer] = {
    "coco": import_coco,
    "refcoco": import_refcoco,
    "grefcoco": import_grefcoco,
    "ytvos": import_ytvos,
    "png": import_png,
    "yolo": import_yolo,
    "voc": import_voc,
    "labelme": import_labelme,
    "datasets": import_datasets,
}


def export_to(name: str, project: Project, path: Path, progress: Progress = silent) -> int:
    """Write a project in a format to a new folder or a .zip, whole or not at all; returns how many masks. Raises ProjectError or ImageError."""
    with open_sink(path) as sink:
        return EXPORTERS[name](project, sink, progress)


def import_from(name: str, folder: Path, project: Project, progress: Progress = silent) -> int:
    """Read a folder of a format into a project, all of it or nothing; returns how many masks. Raises DataError, ImageError or ProjectError."""
    before = {entry.name for entry in project.entries}
    try:
        return IMPORTERS[name](folder, project, progress)
    except BaseException:
        project.remove_pictures([entry.name for entry in project.entries if entry.name not in before])
        raise
    finally:
        project.write_index()
