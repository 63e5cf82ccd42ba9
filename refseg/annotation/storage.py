"""A project's files: read with care, written whole and by one window at a time."""

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
PATIENCE = 20.0  # seconds to wait for others who write: a large image takes less to copy, and so does undo over some thousand images
MAX_RECORD_BYTES = 200_000_000


def read_json(path: Path, missing: str) -> Any:
    """What a file says. Raises ProjectError for one that cannot be read, beginning with `missing` for one that is not there."""
    try:
        if path.stat().st_size > MAX_RECORD_BYTES:
            raise ProjectError(f"{path.name} has more than {MAX_RECORD_BYTES // 1_000_000} MB: it is no record of an image")
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ProjectError(f"{missing}: expected {path}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ProjectError(f"cannot read {path} ({' '.join(str(error).split())[:120]}): restore it from a copy") from error


def is_file(path: Path) -> bool:
    """Whether there is such a file; a name that none can have is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def write_json(path: Path, values: Any) -> None:
    """Whole, on the disk, and under its name when this returns."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        json.dump(values, file, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """The renaming itself must reach the disk, too; Windows has no such call and does without."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else writes to the project in that folder meanwhile: what was read in this block is still so when it writes.

    Raises ProjectError for what `explained` explains, and where somebody else does not let go.
    """
    with explained(folder):
        lock = _locked(folder)
        try:
            yield
        finally:
            lock.release()


def _locked(folder: Path) -> BaseFileLock:
    """A lock that is held: of the operating system, or on file systems without such locks, as many network shares, a file that must not exist yet."""
    try:
        lock: BaseFileLock = FileLock(folder / LOCK, timeout=PATIENCE)
        try:
            lock.acquire()
        except (NotImplementedError, OSError) as error:
            if isinstance(error, Timeout) or (isinstance(error, OSError) and error.errno not in NO_FLOCK):
                raise
            lock = SoftFileLock(folder / SOFT_LOCK, timeout=PATIENCE)
            lock.acquire()
    except Timeout:
        left_over = f", or delete the file {SOFT_LOCK} in it if no other program uses the project" if (folder / SOFT_LOCK).exists() else ""
        raise ProjectError(
            f"{folder} has been locked by another program for {PATIENCE:.0f} s: close that program, try again{left_over}"
        ) from None
    return lock


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Writing that fails is a ProjectError that says where."""
    try:
        yield
    except (ProjectError, ImageError):
        raise
    except OSError as error:
        raise ProjectError(
            f"cannot write to {folder} ({error.strerror or error}): make room or choose a place that can be written"
        ) from error
