"""Values of the requests that the page's scripts send. Every value is checked, because anybody can send anything.

All functions raise InputError if a value is not what their docstring says.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

from refseg.annotation.edits import MAX_POINTS
from refseg.errors import InputError

Request = Mapping[str, Any]
MAX_TEXT = 1000


def text(request: Request, name: str, longest: int = MAX_TEXT) -> str:
    """A text of at most `longest` characters."""
    value = request.get(name)
    if not isinstance(value, str) or len(value) > longest:
        raise _unexpected(name, value, f"a text of at most {longest} characters")
    return value


def optional_text(request: Request, name: str) -> str | None:
    """A text, or None."""
    return None if request.get(name) is None else text(request, name)


def integer(request: Request, name: str) -> int:
    """An integer."""
    value = request.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _unexpected(name, value, "an integer")
    return value


def number(request: Request, name: str) -> float:
    """A finite number."""
    value: Any = request.get(name)
    if not _is_number(value):
        raise _unexpected(name, value, "a number")
    return float(value)


def flag(request: Request, name: str) -> bool:
    """True if the value is True, otherwise False."""
    return request.get(name) is True


def points(request: Request, name: str, count: int | None = None) -> list[tuple[float, float]]:
    """Points [[x, y], ...]; exactly `count` if it is given."""
    value: Any = request.get(name)
    is_pairs = isinstance(value, list) and all(
        isinstance(one, list) and len(one) == 2 and all(map(_is_number, one)) for one in value
    )
    if not is_pairs or not 1 <= len(value) <= MAX_POINTS or count not in (None, len(value)):
        raise _unexpected(name, value, f"{count or f'1 to {MAX_POINTS}'} points [x, y]")
    return [(float(x), float(y)) for x, y in value]


def texts(request: Request, name: str, most: int) -> list[str]:
    """A list of at most `most` texts. Blank and repeated ones are dropped, white space is normalized."""
    value = request.get(name)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value) or len(value) > most:
        raise _unexpected(name, value, f"a list of at most {most} texts")
    normalized = (" ".join(one.split()) for one in value)
    return list(dict.fromkeys(one for one in normalized if one))


def uploaded_file(request: Request, name: str = "path") -> Path:
    """A file in the upload folder, whatever path the browser names.

    Gradio checks the paths of some components' files and not of others. Therefore every uploaded file is opened through
    this function.
    """
    value = text(request, name, 4096)
    try:
        path = Path(value).resolve()
        is_upload = path.is_relative_to(Path(get_upload_folder()).resolve()) and path.is_file()
    except (OSError, ValueError):  # not a path
        is_upload = False
    if not is_upload:
        raise InputError(
            "The file is not among the uploads, which the server stores for a limited time. Choose it again."
        )
    return path


def _unexpected(name: str, value: Any, expected: str) -> InputError:
    return InputError(f"The request has {name} {str(value)[:40]!r}. Expected {expected}. Reload the page.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
