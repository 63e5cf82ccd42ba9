"""Reading what a page's script sends: every value is checked, for anybody can send anything."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

from refseg.annotation.edits import MAX_POINTS
from refseg.errors import InputError

Request = Mapping[str, Any]


def text(request: Request, name: str, longest: int = 1000) -> str:
    """A text. These functions raise InputError for everything else than what they say."""
    value = request.get(name)
    if not isinstance(value, str) or len(value) > longest:
        raise InputError(f"got {name} {str(value)[:40]!r}, expected a text of at most {longest} characters")
    return value


def maybe_text(request: Request, name: str) -> str | None:
    """A text, or None where there is nothing."""
    return None if request.get(name) is None else text(request, name)


def whole(request: Request, name: str) -> int:
    """A whole number."""
    value = request.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(f"got {name} {str(value)[:40]!r}, expected a whole number")
    return value


def number(request: Request, name: str) -> float:
    """A finite number."""
    value: Any = request.get(name)
    if not _is_number(value):
        raise InputError(f"got {name} {str(value)[:40]!r}, expected a number")
    return float(value)


def flag(request: Request, name: str) -> bool:
    """True where it is said, False where not."""
    return request.get(name) is True


def points(request: Request, name: str, count: int | None = None) -> list[tuple[float, float]]:
    """Places [[x, y], ...]; of a certain number where one is given."""
    value: Any = request.get(name)
    pairs = isinstance(value, list) and all(isinstance(one, list) and len(one) == 2 and all(map(_is_number, one)) for one in value)
    if not pairs or not 1 <= len(value) <= MAX_POINTS or count not in (None, len(value)):
        raise InputError(f"got {name} {str(value)[:40]!r}, expected {count or f'1 to {MAX_POINTS}'} places [x, y]")
    return [(float(x), float(y)) for x, y in value]


def texts(request: Request, name: str, most: int) -> list[str]:
    """A list of texts, without blank ones, each once; spaces are put in order."""
    value = request.get(name)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value) or len(value) > most:
        raise InputError(f"got {name} {str(value)[:40]!r}, expected a list of at most {most} texts")
    cleaned = (" ".join(one.split()) for one in value)
    return list(dict.fromkeys(one for one in cleaned if one))


def uploaded(request: Request, name: str = "path") -> Path:
    """A file that the visitor has uploaded: it lies in the upload folder and nowhere else, whatever path the browser names.

    Gradio looks at the paths of some of its components' files and not of others; so every one that is opened here comes through this function.
    """
    said = text(request, name)
    try:
        path = Path(said).resolve()
        there = path.is_relative_to(Path(get_upload_folder()).resolve()) and path.is_file()
    except (OSError, ValueError):  # no path at all
        there = False
    if not there:
        raise InputError("the file is not among the uploads on the server, which keeps them for a while only: choose it again")
    return path


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
