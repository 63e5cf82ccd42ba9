"""Other tools' formats: what can be written from a project and read into one."""

from collections.abc import Callable
from pathlib import Path

from refseg.annotation.formats.coco import export_coco, import_coco
from refseg.annotation.formats.grefcoco import export_grefcoco, import_grefcoco
from refseg.annotation.formats.pngs import export_png, import_png
from refseg.annotation.formats.refcoco import export_refcoco, import_refcoco
from refseg.annotation.sinks import Sink
from refseg.annotation.store import Project

Exporter = Callable[[Project, Sink], int]
"""Writes all finished pictures; returns how many masks."""

Importer = Callable[[Path, Project], int]
"""Reads everything into a project; returns how many masks."""

EXPORTERS: dict[str, Exporter] = {"coco": export_coco, "refcoco": export_refcoco, "grefcoco": export_grefcoco, "png": export_png}
IMPORTERS: dict[str, Importer] = {"coco": import_coco, "refcoco": import_refcoco, "grefcoco": import_grefcoco, "png": import_png}
