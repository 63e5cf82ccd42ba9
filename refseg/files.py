"""Atomic writing of files."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from refseg.errors import InputError


def unwritable(path: object, error: Exception) -> InputError:
    """Build the error for a path that cannot be written because of `error`."""
    reason = getattr(error, "strerror", None) or error
    return InputError(f"cannot write to {path} ({reason}), expected a writable path: choose another one")


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`. It replaces `path` if the block succeeds, and is removed if it fails.

    Readers see the old file or the new one, never a part. Raises OSError if the folder cannot be written.
    """
    path = Path(path)
    # 50 characters are short enough for every file system, even at four bytes per character.
    temporary = path.with_name(f".{path.name[:50]}.{secrets.token_hex(4)}.part")
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: str | Path, values: Any) -> None:
    """Write indented JSON in UTF-8, completely or not at all. Raises OSError, and ValueError for NaN and infinity."""
    with replacing(path) as temporary:
        text = json.dumps(values, ensure_ascii=False, indent=2, allow_nan=False)
        temporary.write_text(f"{text}\n", encoding="utf-8")
