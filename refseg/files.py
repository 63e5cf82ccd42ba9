"""Files that are whole or not there."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from refseg.errors import InputError


def unwritable(path: object, error: Exception) -> InputError:
    """The error for a place where results cannot be written."""
    return InputError(f"cannot write to {path} ({getattr(error, 'strerror', None) or error}): give a place that can be written")


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A new path beside `path` to write to: it takes the place of `path` when the block ends well and is removed when it does not.

    A reader sees the old file or the new one, never a part. Raises OSError when the folder cannot be written.
    """
    path = Path(path)
    # Short enough for every file system even if each character takes four bytes.
    temporary = path.with_name(f".{path.name[:50]}.{secrets.token_hex(4)}.part")
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
