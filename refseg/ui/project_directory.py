"""Where the page stores annotation projects: folders in one directory, each named by its key."""

import os
import re
import secrets
import shutil
import time
from pathlib import Path

from refseg.annotation.archives import LIMITS, PUBLIC_LIMITS, Limits
from refseg.annotation.project import ANNOTATIONS, PROJECT, Project
from refseg.errors import ProjectError

KEY = re.compile(r"[\w-][\w .-]{0,99}")
UNLISTED_LIFETIME_SECONDS = 24 * 3600.0  # after its last change an unlisted project is deleted
MAX_UNLISTED_BYTES = 1_000_000_000  # of images in one unlisted project
MIN_FREE_BYTES = 1_000_000_000  # of the disk, which unlisted projects leave free


class ProjectDirectory:
    """The projects of a page.

    listed: whether the page lists the projects. On a user's own computer it does, and users name their projects. On a
    public page it does not: a key is a random word, and a project is deleted a day after its last change.
    """

    def __init__(self, root: Path, listed: bool) -> None:
        self._root, self.listed = root, listed

    @property
    def location(self) -> str:
        """The directory, for users who can open it; "" where projects are not listed."""
        return str(self._root) if self.listed else ""

    def keys(self) -> list[str]:
        """Keys of all projects, the last used first; empty if they are not listed."""
        if not self.listed or not self._root.is_dir():
            return []
        folders = [
            folder for folder in self._root.iterdir() if KEY.fullmatch(folder.name) and (folder / PROJECT).is_file()
        ]
        return [folder.name for folder in sorted(folders, key=_last_change, reverse=True)]

    def create(self, name: str) -> str:
        """Creates a project and returns its key. Raises ProjectError for a name that is invalid or taken."""
        if self.listed:
            key = " ".join(name.split())
            if not KEY.fullmatch(key) or key.endswith("."):
                raise ProjectError(
                    f"The name is {name[:60]!r}. Expected letters, digits, spaces, dots or dashes. Choose another name."
                )
        else:
            self.delete_expired()
            key = secrets.token_urlsafe(24).lstrip("-_")
        if (self._root / key / PROJECT).exists():
            raise ProjectError(f"The project {key} exists already. Open it, or choose another name.")
        Project.create(self._root / key, name)
        return key

    def create_similar(self, name: str) -> str:
        """Creates a project whose name is free and similar to `name`. Returns its key."""
        allowed = "".join(character for character in name if character.isalnum() or character in " -_")
        base = allowed.strip(" -_")[:80] or "project"
        taken = set(self.keys())
        candidates = (base, *(f"{base} {number}" for number in range(2, 100_000)))
        return self.create(next(candidate for candidate in candidates if candidate not in taken))

    def open(self, key: str) -> Project:
        """Opens a project. Raises ProjectError if there is none with that key."""
        if not KEY.fullmatch(key) or not (self._root / key / PROJECT).is_file():
            raise ProjectError("This project does not exist any more. Create a new one, or import what you exported.")
        return Project.open(self._root / key)

    @property
    def limits(self) -> Limits:
        """Limits of archives that are unpacked here."""
        return LIMITS if self.listed else PUBLIC_LIMITS

    def check_space(self, project: Project, added_bytes: int) -> None:
        """Raises ProjectError if `added_bytes` more would exceed the limit of an unlisted project, or fill the disk."""
        if self.listed:
            return
        with os.scandir(project.images_folder) as files:
            used = sum(file.stat().st_size for file in files)
        if used + added_bytes > MAX_UNLISTED_BYTES:
            raise ProjectError(
                f"The project would have {(used + added_bytes) / 1e6:,.0f} MB of images."
                f" A shared page allows {MAX_UNLISTED_BYTES / 1e6:,.0f} MB."
                " Export it and start another, or run refseg on your own computer."
            )
        if shutil.disk_usage(project.folder).free - added_bytes < MIN_FREE_BYTES:
            raise ProjectError(
                "The disk of this shared page is full. Export your work, or run refseg on your own computer."
            )

    def delete_expired(self) -> None:
        """Deletes the unlisted projects that have not changed for a day."""
        if self.listed or not self._root.is_dir():
            return
        for folder in self._root.iterdir():
            if (folder / PROJECT).is_file() and time.time() - _last_change(folder) > UNLISTED_LIFETIME_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _last_change(project: Path) -> float:
    try:
        return (project / ANNOTATIONS).stat().st_mtime  # every change writes a record there
    except OSError:
        return 0.0
