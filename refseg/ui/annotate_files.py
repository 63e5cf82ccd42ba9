"""Data sets in and out of the annotation tab."""

from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

from refseg.annotation.archives import unpacked
from refseg.annotation.exporters import EXPORTERS, export_to
from refseg.annotation.importers import IMPORTERS, import_from
from refseg.annotation.lint import lint, summary
from refseg.annotation.records import PictureRecord
from refseg.annotation.store import Project
from refseg.errors import InputError
from refseg.ui.session import Folder
from refseg.ui.shelf import Shelf
from refseg.video.formats import safe_name


class Files:
    """Exports of one project, the last of which is kept for the browser to fetch, and what comes into it: pictures and data sets."""

    def __init__(self, project: Project, shelf: Shelf) -> None:
        self._project, self._shelf = project, shelf
        self._folder: Folder | None = None
        self._done = self._total = 0

    @staticmethod
    def exports() -> list[str]:
        """Names of the formats that can be written."""
        return list(EXPORTERS)

    @staticmethod
    def imports() -> list[str]:
        """Names of the formats that can be read."""
        return list(IMPORTERS)

    def export(self, format_: str) -> dict[str, Any]:
        """A zip in that format: its path, which the browser may fetch, its name, how many masks it has, and what looks like a mistake in it."""
        if format_ not in EXPORTERS:
            raise InputError(f"got the format {format_[:40]!r}, expected one of {', '.join(EXPORTERS)}")
        project = Project.open(self._project.folder)  # of its own: the desk goes on meanwhile
        self._folder = Folder(Path(get_upload_folder()))
        path = self._folder.file(f"{safe_name(project.name)}-{format_}.zip")
        report = export_to(format_, project, path, self._tell)
        return {
            "path": str(path),
            "name": path.name,
            "masks": report.objects,
            "report": report.summary(),
            "lint": summary(lint(project, self._tell)),
        }

    def add(self, path: Path, name: str) -> PictureRecord:
        """An uploaded picture, which becomes part of the project."""
        self._shelf.check_room(self._project, path.stat().st_size)
        return self._project.add_picture(path, name=name)

    def take(self, format_: str, path: Path) -> dict[str, Any]:
        """Pictures and masks of an uploaded zip in that format."""
        if format_ not in IMPORTERS:
            raise InputError(f"got the format {format_[:40]!r}, expected one of {', '.join(IMPORTERS)}")
        with unpacked(path, limits=self._shelf.limits) as folder:
            self._shelf.check_room(self._project, sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()))
            report = import_from(format_, folder, self._project, self._tell)
        return {"masks": report.objects, "pictures": report.images, "report": report.summary()}

    def progress(self) -> dict[str, Any]:
        """How far the export is."""
        return {"done": self._done, "total": self._total}

    def _tell(self, done: int, total: int) -> None:
        self._done, self._total = done, total
