"""Batches prepared ahead by a thread."""

import queue
import threading
from collections.abc import Callable, Generator
from typing import TypeVar

from refseg.errors import DataError

Batch = TypeVar("Batch")


def prefetched(make: Callable[[int], Batch], start: int, ahead: int = 4) -> Generator[Batch, None, None]:
    """make(start), make(start + 1), ... prepared ahead by one thread. Raises DataError if `make` fails."""
    ready: queue.Queue[tuple[Batch | None, BaseException | None]] = queue.Queue(maxsize=ahead)
    stop = threading.Event()

    def prepare() -> None:
        step = start
        while not stop.is_set():
            try:
                item: tuple[Batch | None, BaseException | None] = (make(step), None)
            except Exception as error:
                item = (None, error)
            while not stop.is_set():
                try:
                    ready.put(item, timeout=0.5)
                    break
                except queue.Full:
                    continue
            if item[1] is not None:
                return
            step += 1

    thread = threading.Thread(target=prepare, name="batches", daemon=True)
    thread.start()
    try:
        while True:
            batch, error = ready.get()
            if batch is None:
                raise DataError(f"the training data failed: {error}") from error
            yield batch
    finally:
        stop.set()
        thread.join()  # a thread that still computes at exit would crash the interpreter
