"""The files of a data set that somebody else made, found by the names that the data set uses for them.

Names in annotation files are often not quite those of the files: written with backslashes, with or without a leading
"images/", in another case, in another Unicode normal form, as the absolute path on the machine where they were made.
`Source.find` resolves them against the files that are really there, so that no name can lead out of the folder.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from refseg.annotation.names import name_key
from refseg.annotation.system_files import is_system_file
from refseg.errors import DataError

IMAGE_SUFFIXES = frozenset(
    (
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".webp",
        ".bmp",
        ".tif",
        ".tiff",
        ".gif",
        ".avif",
        ".jp2",
        ".ppm",
        ".pgm",
        ".mpo",
    )
)


class Source:
    """A folder with a data set. Litter at any depth is ignored; links that lead out of the folder are ignored and
    counted in `outside`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.outside = 0
        self.files: tuple[str, ...] = tuple(sorted(self._walk()))
        """All files, relative to the root, with "/" between folders."""
        self._exact = frozenset(self.files)
        self._by_key: dict[str, list[str]] = defaultdict(list)
        self._by_name: dict[str, list[str]] = defaultdict(list)
        for file in self.files:
            self._by_key[name_key(file)].append(file)
            self._by_name[name_key(PurePosixPath(file).name)].append(file)

    def path(self, file: str) -> Path:
        """The path of one of `files`."""
        return self.root / file

    def matching(self, pattern: str) -> list[str]:
        """The files whose base name matches a glob pattern, in any case, at any depth."""
        return [file for file in self.files if PurePosixPath(file.casefold()).match(pattern.casefold())]

    def images(self, folder: str = "") -> list[str]:
        """The image files in a folder and below it, by their suffix."""
        prefix = f"{folder.strip('/')}/" if folder.strip("/") else ""
        return [
            file
            for file in self.files
            if file.startswith(prefix) and PurePosixPath(file).suffix.casefold() in IMAGE_SUFFIXES
        ]

    def find(self, name: str, *folders: str) -> str | None:
        """The file that a data set means by a name; None if there is none, or if several could be meant.

        folders: where to look first, relative to the root, such as that of the annotation file; the root itself comes
        after them. Tried are the name as it is, then in any case and normal form, then shorter ends of it (the file
        moved with its last folders), then its base name alone where only one file has it.
        """
        parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
        if not parts:
            return None
        for start in range(len(parts)):
            for folder in (*folders, "", "images"):
                wanted = "/".join((*_parts_of(folder), *parts[start:]))
                if wanted in self._exact:
                    return wanted
                if len(found := self._by_key.get(name_key(wanted), [])) == 1:
                    return found[0]
        named = self._by_name.get(name_key(parts[-1]), [])
        return named[0] if len(named) == 1 else None

    def locate(self, name: str, said_in: str, *folders: str) -> Path:
        """The path of what `find` finds. said_in: the file that names it. Raises DataError."""
        found = self.find(name, *folders)
        if found is None:
            raise DataError(
                f"{said_in} names {name[:200]!r}, which is not in the data set: add the file or fix the name"
            )
        return self.path(found)

    def _walk(self) -> Iterator[str]:
        root = self.root.resolve()
        for folder, folders, files in os.walk(self.root):
            folders[:] = sorted(name for name in folders if not is_system_file(name))
            for name in files:
                path = Path(folder) / name
                if is_system_file(name):
                    continue
                if path.is_symlink() and not path.resolve().is_relative_to(root):
                    self.outside += 1
                    continue
                yield path.relative_to(self.root).as_posix()


def _parts_of(folder: str) -> tuple[str, ...]:
    return tuple(part for part in folder.split("/") if part not in ("", "."))
