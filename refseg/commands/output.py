"""Output folder that receives all results, or none if the command fails."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from refseg.errors import InputError
from refseg.files import unwritable


@contextmanager
def output_folder(path: Path, last: str) -> Iterator[Path]:
    """Yield a staging folder. If the block succeeds, its files are moved to `path`, the file named `last` at the end.

    If the block fails, the staged files and the folders created for them are removed. Existing files of the same names
    are replaced; other files in `path` stay. Raises InputError if `path` cannot be written.
    """
    created: list[Path] = []
    try:
        if path.exists() and not path.is_dir():
            raise InputError(f"the output {path} is a file, expected a folder: choose another path")
        created = [folder for folder in (path, *path.parents) if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True)
        staging = path / f".refseg.{secrets.token_hex(4)}.part"
        staging.mkdir()
        try:
            yield staging
            files = sorted(
                (file for file in staging.rglob("*") if file.is_file()), key=lambda file: (file.name == last, file)
            )
            for file in files:
                target = path / file.relative_to(staging)
                target.parent.mkdir(parents=True, exist_ok=True)
                file.replace(target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except BaseException as error:
        _remove_empty(created)
        if isinstance(error, OSError):
            raise unwritable(path, error) from error
        raise


def _remove_empty(folders: list[Path]) -> None:
    """Remove the folders that are empty, innermost first; stop at the first that is not."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return


def check_report_path(path: Path | None) -> None:
    """Whether a report can be written, to be asked before the work that it is about. Raises InputError."""
    if path is None:
        return
    if path.is_dir():
        raise InputError(f"the report {path} is a folder, expected a file: name another")
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent} for the report {path.name}: make it, or name another")
