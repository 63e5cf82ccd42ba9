"""Single values of a row: nested values written as text, expressions, embedded images, boxes."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from typing import Any

from refseg.annotation.importers.values import number, numbers

_TEXTS_OF = ("sent", "raw", "text", "sentence", "expression", "caption", "phrase")


def plain(value: Any) -> Any:
    """A value that is written as text, as nested values are in CSV: JSON, or a Python literal. Other values stay as
    they are.
    """
    if not isinstance(value, str) or value.strip()[:1] not in ("[", "{"):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(value) if len(value) < 1_000_000 else value
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return value


def expressions_of(value: Any) -> tuple[str, ...]:
    """The expressions in a text, a list of texts, or a list of objects such as {"sent": TEXT}, each once."""
    value = plain(value)
    if isinstance(value, Mapping):
        value = next((value[key] for key in _TEXTS_OF if isinstance(value.get(key), str)), None)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return tuple(dict.fromkeys(text for one in value for text in expressions_of(one)))
    return (value,) if isinstance(value, str) and value.strip() else ()


def is_image(value: Any) -> bool:
    """Whether a value is an embedded image, as the `datasets` library stores it."""
    return isinstance(value, bytes) or (isinstance(value, Mapping) and set(value) == {"bytes", "path"})


def box_corners(value: Any, size: tuple[int, int]) -> list[float] | None:
    """x0, y0, x1, y1 of a box given as left, top, width, height, or, if that would leave the image, as corners. None
    if it is no box.

    size: (height, width) of the image.
    """
    if isinstance(value, Mapping):
        named = [number(value.get(key)) for key in ("xmin", "ymin", "xmax", "ymax")]
        return [one for one in named if one is not None] if None not in named else None
    sides = numbers(plain(value))
    if sides is None or len(sides) != 4:
        return None
    x, y, third, fourth = sides
    fits = x + third <= size[1] + 1 and y + fourth <= size[0] + 1
    return [x, y, x + third, y + fourth] if fits or third <= x or fourth <= y else sides
