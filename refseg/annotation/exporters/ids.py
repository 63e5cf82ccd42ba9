"""Ids of an export: those of the data set that something was imported from, as long as they are unique, and new ones for the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeGuard

from refseg.annotation.records import Id

MAX_ID = 2**53  # what every reader of JSON can hold


def unique_ids(originals: Sequence[Id | None]) -> list[int]:
    """An id for each: its original one if that is a whole number from 0 that none before it has, otherwise the next free number from 1."""
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
    originals: dict[str, Id | None] = {}
    for name, original in categories:
        if not is_number(originals.setdefault(name, original)):
            originals[name] = original
    return dict(zip(originals, unique_ids(list(originals.values())), strict=True))


def is_number(original: Id | None) -> TypeGuard[int]:
    """Whether an original id can be an id again."""
    return isinstance(original, int) and 0 <= original < MAX_ID
