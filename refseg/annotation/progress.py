"""Progress of long work, such as an export or an import, and how to cancel it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

ProgressCallback = Callable[[int, int], None]
"""Called with (items done, items in all). An exception that it raises cancels the work, which then leaves no partial
results.
"""


def no_progress(done: int, total: int) -> None:
    """A callback for work whose progress is not shown."""


def with_progress(items: Iterable[Item], progress: ProgressCallback) -> Iterator[Item]:
    """Yields the items. Each counts as done when the next is requested."""
    known = list(items)
    for done, item in enumerate(known, start=1):
        yield item
        progress(done, len(known))
