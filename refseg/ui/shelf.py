"""Where the page keeps annotation projects: folders under one root, each named by its key."""

import os
import re
import secrets
import shutil
import time
from pathlib import Path

from refseg.annotation.archives import LIMITS, STRANGERS, Limits
from refseg.annotation.store import PICTURES, PROJECT, Project
from refseg.errors import ProjectError

KEY = re.compile(r"[\w-][\w .-]{0,99}")
KEPT = 24 * 3600.0  # seconds that an unlisted project stays after its last change
ROOM = 1_000_000_000  # bytes of pictures that an unlisted project may hold,
SPARE = 1_000_000_000  # and bytes of the disk that unlisted projects leave to others


class Shelf:
    """The projects of a page.

    listed: on a person's own computer projects are named by them and everybody at the page sees them all. Otherwise visitors do not know each other:
    a key is a word that nobody can guess, nothing is listed, and what has not been touched for a day is thrown away.
    """

    def __init__(self, root: Path, listed: bool) -> None:
        self._root, self.listed = root, listed

    @property
    def place(self) -> str:
        """For people: the folder where they find their work, "" where they cannot get at it."""
        return str(self._root) if self.listed else ""

    def names(self) -> list[str]:
        """Keys of all projects, the last one used first; none where they are not listed."""
        if not self.listed or not self._root.is_dir():
            return []
        found = [folder for folder in self._root.iterdir() if KEY.fullmatch(folder.name) and (folder / PROJECT).is_file()]
        return [folder.name for folder in sorted(found, key=_last_change, reverse=True)]

    def create(self, name: str) -> str:
        """A new project; returns its key. Raises ProjectError for a name that cannot be a folder's, or is taken."""
        if self.listed:
            key = " ".join(name.split())
            if not KEY.fullmatch(key) or key.endswith("."):
                raise ProjectError(f"got the name {name[:60]!r}, expected letters, digits, spaces, dots or dashes: choose another")
        else:
            self.clear()
            key = secrets.token_urlsafe(24).lstrip("-_")
        if (self._root / key / PROJECT).exists():
            raise ProjectError(f"there is a project {key} already: open it, or choose another name")
        Project.create(self._root / key, name)
        return key

    def create_free(self, name: str) -> str:
        """A new project of about that name; returns its key."""
        kept = "".join(character for character in name if character.isalnum() or character in " -_").strip(" -_")[:80] or "project"
        taken = set(self.names())
        return self.create(next(free for free in (kept, *(f"{kept} {number}" for number in range(2, 100_000))) if free not in taken))

    def open(self, key: str) -> Project:
        """Raises ProjectError for one that is not there."""
        if not KEY.fullmatch(key) or not (self._root / key / PROJECT).is_file():
            raise ProjectError("this project is not here (any more): start a new one, or import what you exported")
        return Project.open(self._root / key)

    @property
    def limits(self) -> Limits:
        """What may be unpacked here."""
        return LIMITS if self.listed else STRANGERS

    def check_room(self, project: Project, coming: int) -> None:
        """Raises ProjectError where so many more bytes would make an unlisted project larger than a visitor's may be, or the disk too full."""
        if self.listed:
            return
        with os.scandir(project.folder / PICTURES) as files:
            held = sum(file.stat().st_size for file in files)
        if held + coming > ROOM:
            raise ProjectError(
                f"the project would hold {(held + coming) / 1e6:,.0f} MB of pictures, expected at most {ROOM / 1e6:,.0f} MB on a shared page:"
                " export it and start another, or run refseg on your own computer"
            )
        if shutil.disk_usage(project.folder).free - coming < SPARE:
            raise ProjectError(
                "this shared page has no room left: export your work, and try again later or run refseg on your own computer"
            )

    def clear(self) -> None:
        """Throw away unlisted projects that have not been touched for a day."""
        if self.listed or not self._root.is_dir():
            return
        for folder in self._root.iterdir():
            if (folder / PROJECT).is_file() and time.time() - _last_change(folder) > KEPT:
                shutil.rmtree(folder, ignore_errors=True)


def _last_change(project: Path) -> float:
    try:
        return max((project / part).stat().st_mtime for part in ("annotations", "pictures"))
    except OSError:
        return 0.0
