"""How whoever waits for an export or an import follows it, and stops it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

ProgressCallback = Callable[[int, int], None]
"""Called with how many are done, and of how many. What it raises stops the work, which then leaves nothing half done."""


def no_progress(done: int, total: int) -> None:
    """Nobody waits."""


def with_progress(items: Iterable[Item], progress: ProgressCallback) -> Iterator[Item]:
    """The items one by one; each counts as done when the next is asked for."""
    known = list(items)
    for done, item in enumerate(known, start=1):
        yield item
        progress(done, len(known))
