"""Values from data sets that other tools wrote: accepted in every form whose meaning is certain, such as 640.0 or "640"
for 640.
"""

from __future__ import annotations

import math
from typing import Any

from refseg.annotation.record_json import is_id
from refseg.annotation.records import Id


def whole(value: Any) -> int | None:
    """A whole number, also as a float or as text; None for anything else."""
    found = number(value)
    return int(found) if found is not None and found.is_integer() and abs(found) <= 2**53 else _exact(value)


def number(value: Any) -> float | None:
    """A finite number, also as text; None for anything else. A comma is not read as a decimal point."""
    if isinstance(value, bool) or not isinstance(value, int | float | str) or (isinstance(value, str) and "_" in value):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def text(value: Any) -> str:
    """Text without white space around it, or a number as text; "" for anything else."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def texts(value: Any) -> list[str] | None:
    """A list of texts; one text counts as a list of it and null as an empty list. None for anything else."""
    values = [] if value is None else [value] if isinstance(value, str) else value
    return values if isinstance(values, list) and all(isinstance(one, str) for one in values) else None


def numbers(value: Any) -> list[float] | None:
    """A flat list of numbers, each also as text; None for anything else."""
    if not isinstance(value, list | tuple):
        return None
    found = [number(one) for one in value]
    return None if any(one is None for one in found) else [one for one in found if one is not None]


def id_key(value: Any) -> Id | None:
    """What ids are compared by: 7, 7.0 and "7" are the same id, "007" is another. None for what is no id."""
    stripped = value.strip() if isinstance(value, str) else ""
    if isinstance(value, str) and str(whole(value)) != stripped:
        return stripped if stripped and is_id(stripped) else None
    found = whole(value)
    return found if found is not None and is_id(found) else None


def original_id(value: Any) -> Id | None:
    """An id as it is kept in a record: as the data set has it, but 7.0 as 7. None for what is no id."""
    return value if isinstance(value, str) and value and is_id(value) else id_key(value)


def _exact(value: Any) -> int | None:
    """Whole numbers that a float does not hold exactly."""
    if isinstance(value, str) and value.strip().lstrip("+-").isdecimal() and len(value) < 40:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
