"""Counts on the console, where somebody may look."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

INTERVAL = 0.1  # seconds between two counts


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """What a long piece of work calls with done and total: one line that is written over, on a terminal alone; it is ended whatever happens."""
    last, unfinished = -INTERVAL, False

    def tell(done: int, total: int) -> None:
        nonlocal last, unfinished
        if sys.stderr.isatty() and (done == total or time.monotonic() - last >= INTERVAL):
            last, unfinished = time.monotonic(), done < total
            print(f"\r{done}/{total} {what}", end="" if unfinished else "\n", file=sys.stderr, flush=True)

    try:
        yield tell
    finally:
        if unfinished:
            print(file=sys.stderr)
