"""Data sets into and out of the annotation tab."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

from refseg.annotation.archives import unpacked
from refseg.annotation.exporters import EXPORTERS, export_to
from refseg.annotation.exporters.options import ExportOptions
from refseg.annotation.importers import IMPORTERS, import_from
from refseg.annotation.lint import lint, summarize
from refseg.annotation.project import Project
from refseg.annotation.records import AnnotatedImage
from refseg.errors import InputError, RefsegError
from refseg.ui.project_directory import ProjectDirectory
from refseg.ui.session import SessionFolder


def export_formats() -> list[dict[str, str]]:
    """The formats that can be written: name, and one line on what each keeps and loses."""
    return [{"name": name, "about": exporter.format.line} for name, exporter in EXPORTERS.items()]


def import_formats() -> list[str]:
    """Names of the formats that can be read."""
    return list(IMPORTERS)


class ProjectFiles:
    """Imports into one project, and exports of it. The last export is kept for the browser to fetch."""

    def __init__(self, project: Project, projects: ProjectDirectory) -> None:
        self._project, self._projects = project, projects
        self._folder: SessionFolder | None = None
        self._done = self._total = 0

    def add_image(self, path: Path, name: str) -> AnnotatedImage:
        """Adds an uploaded image to the project."""
        self._projects.check_space(self._project, path.stat().st_size)
        return self._project.add_image(path, name=name)

    def import_archive(self, format_: str | None, path: Path) -> dict[str, Any]:
        """Imports an uploaded zip. Returns the report: what was imported, skipped and altered.

        format_: None guesses it. Raises InputError, whose message names no path of the server.
        """
        if format_ is not None:
            _check_format(format_, IMPORTERS)
        folder: Path | None = None
        try:
            guessed: list[str] = []
            with unpacked(path, limits=self._projects.limits, guessed_names=guessed) as unpacked_folder:
                folder = unpacked_folder
                size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
                self._projects.check_space(self._project, size)
                return import_from(format_, folder, self._project, self._set_progress, guessed).to_json()
        except RefsegError as error:
            names = {
                folder: "the data set",
                folder and folder.parent: "the data set",
                path: path.name,
                path.parent: "the upload",
            }
            if not self._projects.listed:
                names[self._project.folder] = "the project"
            raise InputError(_without_paths(str(error), names)) from error

    def export(self, format_: str, accepted_only: bool, shares: Mapping[str, float] | None) -> dict[str, Any]:
        """Writes a zip that the browser may fetch. Returns its path and name, and the report.

        The report counts what was written, lost and altered, and lists what in the project looks like a mistake.

        shares: split -> share of the images, 0..1; None keeps the splits of the project.
        """
        _check_format(format_, EXPORTERS)
        options = ExportOptions(accepted_only, {name: share for name, share in (shares or {}).items() if share > 0})
        project = Project.open(self._project.folder)  # a second object, because editing continues meanwhile
        self._folder = SessionFolder(Path(get_upload_folder()))
        path = self._folder.file(f"{_file_name(project.name)}-{format_}.zip")
        report = export_to(format_, project, path, self._set_progress, options).to_json()
        report["lint"] = summarize(lint(project, self._set_progress))
        report["summary"] = [*report["summary"], *report["lint"]]
        return {"path": str(path), "name": path.name, "report": report}

    def progress(self) -> dict[str, Any]:
        """Progress of the export."""
        return {"done": self._done, "total": self._total}

    def _set_progress(self, done: int, total: int) -> None:
        self._done, self._total = done, total


def _file_name(name: str) -> str:
    """A project's name as a part of a file name on every system. Letters of all scripts stay."""
    kept = "".join(character if character.isalnum() or character in "-_." else "_" for character in name)
    return kept.strip("_.")[:80] or "project"


def _check_format(name: str, known: Mapping[str, Any]) -> None:
    if name not in known:
        raise InputError(f"The format is {name[:40]!r}. Expected one of {', '.join(known)}.")


def _without_paths(text: str, names: Mapping[Path | None, str]) -> str:
    """A message with names instead of paths on the server. names: path -> what it is called; None is left out."""
    known = {str(path): name for path, name in names.items() if path is not None}
    for path in sorted(known, key=len, reverse=True):
        text = text.replace(f"{path}{os.sep}", "").replace(path, known[path])
    return text
