"""Ids of an export: those of the data set that something was imported from, as long as they are unique, and new ones
for the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeGuard

from refseg.annotation.records import Id

MAX_ID = 2**53  # what every reader of JSON can hold
MAX_CLASSES = 1000


def unique_ids(originals: Sequence[Id | None]) -> list[int]:
    """An id for each: its original one if that is a whole number from 0 that none before it has, otherwise the next
    free number from 1."""
    kept: dict[int, int] = {}  # id -> position
    for position, original in enumerate(originals):
        if is_number(original):
            kept.setdefault(original, position)
    numbers: list[int] = []
    free = 1
    for position, original in enumerate(originals):
        if is_number(original) and kept[original] == position:
            numbers.append(original)
            continue
        while free in kept:
            free += 1
        numbers.append(free)
        free += 1
    return numbers


def category_ids(categories: Iterable[tuple[str, Id | None]]) -> dict[str, int]:
    """name -> id of (name, original id) pairs: the first original id of a name, if no name before it has the same."""
    originals = _originals(categories)
    return dict(zip(originals, unique_ids(list(originals.values())), strict=True))


def class_numbers(categories: Iterable[tuple[str, Id | None]]) -> list[str]:
    """Names of classes by their numbers from 0, of (name, original number) pairs; original numbers are kept as in
    `category_ids`.

    Readers expect a name for every number up to the largest one, so numbers of no object get a name, too. If they would
    be more than MAX_CLASSES, all classes get new numbers.
    """
    originals = _originals(categories)
    kept: dict[int, str] = {}
    for name, original in originals.items():
        if is_number(original) and original < MAX_CLASSES:
            kept.setdefault(original, name)
        elif is_number(original):
            return list(originals)
    rest = [name for name in originals if name not in kept.values()]
    size = max(len(originals), max(kept, default=-1) + 1)
    free = iter(rest)
    return [kept[number] if number in kept else next(free, f"unused {number}") for number in range(size)]


def is_number(original: Id | None) -> TypeGuard[int]:
    """Whether an original id can be an id again."""
    return isinstance(original, int) and 0 <= original < MAX_ID


def _originals(categories: Iterable[tuple[str, Id | None]]) -> dict[str, Id | None]:
    """name -> its first original number."""
    originals: dict[str, Id | None] = {}
    for name, original in categories:
        if not is_number(originals.setdefault(name, original)):
            originals[name] = original
    return originals
