"""Reads another tool's data set into a project: one module per format, registered here by name."""

from pathlib import Path
from typing import Protocol

from refseg.annotation.importers.coco import import_coco
from refseg.annotation.importers.datasets import import_datasets
from refseg.annotation.importers.grefcoco import import_grefcoco
from refseg.annotation.importers.labelme import import_labelme
from refseg.annotation.importers.png import import_png
from refseg.annotation.importers.refcoco import import_refcoco
from refseg.annotation.importers.voc import import_voc
from refseg.annotation.importers.yolo import import_yolo
from refseg.annotation.importers.ytvos import import_ytvos
from refseg.annotation.progress import Progress, silent
from refseg.annotation.store import Project


class Importer(Protocol):
    """Reads everything into a project; returns the number of masks."""

    def __call__(self, root: Path, project: Project, progress: Progress = silent) -> int: ...


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


def import_from(name: str, folder: Path, project: Project, progress: Progress = silent) -> int:
    """Read a folder of one format into a project, all of it or nothing; returns the number of masks.

    Raises DataError, ImageError or ProjectError.
    """
    before = {entry.name for entry in project.entries}
    try:
        return IMPORTERS[name](folder, project, progress)
    except BaseException:
        project.remove_pictures([entry.name for entry in project.entries if entry.name not in before])
        raise
    finally:
        project.write_index()
