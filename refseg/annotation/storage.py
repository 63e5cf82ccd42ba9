"""Files of a project: JSON that is written as a whole or not at all, and a lock that keeps writers apart."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from refseg.errors import ImageError, ProjectError
from refseg.files import replacing

LOCK, SOFT_LOCK = ".lock", ".lock-file"
NO_FLOCK = frozenset((errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL))
LOCK_SECONDS = 20.0  # longer than others need to copy a large image, or to undo a step of some thousand images
MAX_RECORD_BYTES = 200_000_000


def load_json(path: Path, missing: str) -> Any:
    """Parses a file. Raises ProjectError if it cannot be read.

    missing: a sentence for a file that does not exist; the first of its message.
    """
    try:
        if path.stat().st_size > MAX_RECORD_BYTES:
            limit = MAX_RECORD_BYTES // 1_000_000
            raise ProjectError(
                f"{path.name} is too large. The record of an image has at most {limit} MB. Restore it from a backup."
            )
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ProjectError(f"{missing} Expected {path}. Check the name.") from None
    except (OSError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:120]
        raise ProjectError(f"{path} cannot be read ({reason}). Restore it from a backup.") from error


def save_json(path: Path, values: Any) -> None:
    """Writes a file atomically. It is on the disk under its name when this returns."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        json.dump(values, file, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(path.parent)


def is_file(path: Path) -> bool:
    """Whether a file exists. False for a path that the file system refuses."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


@contextmanager
def locked_project(folder: Path) -> Iterator[None]:
    """Keeps all others from writing to the project in this folder while the block runs.

    Raises ProjectError as `reported_write_errors` does, and if the lock is not free within LOCK_SECONDS.
    """
    with reported_write_errors(folder):
        lock = _acquire(folder)
        try:
            yield
        finally:
            lock.release()


@contextmanager
def reported_write_errors(folder: Path) -> Iterator[None]:
    """Turns an OSError of the block into a ProjectError that names the folder."""
    try:
        yield
    except (ProjectError, ImageError):
        raise
    except OSError as error:
        raise ProjectError(
            f"{folder} cannot be written to ({error.strerror or error}). Free disk space, or choose a folder that you"
            " may write to."
        ) from error


def _acquire(folder: Path) -> BaseFileLock:
    """A lock of the operating system. File systems without such locks, like many network shares, get a lock file."""
    try:
        lock: BaseFileLock = FileLock(folder / LOCK, timeout=LOCK_SECONDS)
        try:
            lock.acquire()
        except (NotImplementedError, OSError) as error:
            if isinstance(error, Timeout) or (isinstance(error, OSError) and error.errno not in NO_FLOCK):
                raise
            lock = SoftFileLock(folder / SOFT_LOCK, timeout=LOCK_SECONDS)
            lock.acquire()
    except Timeout:
        delete = (
            f" Delete the file {SOFT_LOCK} in it if no other program uses the project."
            if (folder / SOFT_LOCK).exists()
            else ""
        )
        raise ProjectError(
            f"{folder} is locked by another program for more than {LOCK_SECONDS:.0f} s. Close that program and try"
            f" again.{delete}"
        ) from None
    return lock


def _sync_folder(folder: Path) -> None:
    """Flushes the renaming of a file to the disk. Windows has no such call and does not need it."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
