"""Where an export is written: a new folder or a zip, complete or not at all."""

from __future__ import annotations

import json
import secrets
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from refseg.errors import ProjectError
from refseg.files import replacing

COMPRESSED = (".json", ".txt", ".xml", ".jsonl", ".yaml")  # images are compressed already


class ExportOutput(Protocol):
    """Writes files under relative names with "/" between folders."""

    def write(self, name: str, data: bytes) -> None:
        """Writes a file."""
        ...

    def copy(self, name: str, path: Path) -> None:
        """Copies a file."""
        ...


def write_json(output: ExportOutput, name: str, values: Any) -> None:
    """Writes JSON in UTF-8."""
    output.write(name, (json.dumps(values, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8"))


@contextmanager
def open_output(path: Path) -> Iterator[ExportOutput]:
    """A zip for a path that ends in .zip, otherwise a folder that is new or empty.

    It appears under its name when the block ends; after an exception nothing is left. Raises ProjectError.
    """
    try:
        if path.suffix.lower() == ".zip":
            with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
                yield _ZipOutput(archive)
        else:
            with _new_folder(path) as folder:
                yield _FolderOutput(folder)
    except OSError as error:
        raise ProjectError(
            f"{path} cannot be written ({error.strerror or error}). Free disk space, or choose a folder that you may"
            " write to."
        ) from error


class _ZipOutput:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def write(self, name: str, data: bytes) -> None:
        self._archive.writestr(name, data, zipfile.ZIP_DEFLATED if name.endswith(COMPRESSED) else zipfile.ZIP_STORED)

    def copy(self, name: str, path: Path) -> None:
        self._archive.write(path, name)


class _FolderOutput:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, data: bytes) -> None:
        self._created(name).write_bytes(data)

    def copy(self, name: str, path: Path) -> None:
        shutil.copyfile(path, self._created(name))

    def _created(self, name: str) -> Path:
        """The path of a file whose folder exists."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


@contextmanager
def _new_folder(path: Path) -> Iterator[Path]:
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ProjectError(
            f"{path} is not empty. Expected a new or an empty folder. Choose another, or remove its contents."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")
    staging.mkdir()
    try:
        yield staging
        if path.exists():
            path.rmdir()
        staging.replace(path)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
