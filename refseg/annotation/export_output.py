"""Where an export goes: a new folder or a zip, written piece by piece, there whole or not at all."""

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


class ExportOutput(Protocol):
    """Takes files under relative names with "/"."""

    def write(self, name: str, data: bytes) -> None:
        """A file of these bytes."""
        ...

    def copy(self, name: str, path: Path) -> None:
        """A copy of a file."""
        ...


def write_json(output: ExportOutput, name: str, values: Any) -> None:
    """JSON in UTF-8."""
    output.write(name, (json.dumps(values, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8"))


@contextmanager
def open_output(path: Path) -> Iterator[ExportOutput]:
    """A zip for a path that ends in .zip, else a folder, which must be new or empty. Raises ProjectError."""
    try:
        if path.suffix.lower() == ".zip":
            with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
                yield _ZipOutput(archive)
        else:
            with _new_folder(path) as folder:
                yield _FolderOutput(folder)
    except OSError as error:
        raise ProjectError(f"cannot write to {path} ({error.strerror or error}): make room or choose another place") from error


class _ZipOutput:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def write(self, name: str, data: bytes) -> None:
        compressed = name.endswith((".json", ".txt", ".xml", ".jsonl", ".yaml"))  # pictures are compressed already
        self._archive.writestr(name, data, zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED)

    def copy(self, name: str, path: Path) -> None:
        self._archive.write(path, name)


class _FolderOutput:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, data: bytes) -> None:
        self._place(name).write_bytes(data)

    def copy(self, name: str, path: Path) -> None:
        shutil.copyfile(path, self._place(name))

    def _place(self, name: str) -> Path:
        target = self._folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        return target


@contextmanager
def _new_folder(path: Path) -> Iterator[Path]:
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ProjectError(f"{path} is not empty, expected a new or an empty folder: choose another, or remove what is in it")
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
