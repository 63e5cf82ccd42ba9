"""Progress of long work on the console."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar with rate and time left on standard error, shown on a terminal only.

    Yields a function that is called with the number done and the total. what: the plural of what is counted.
    """
    with tqdm(desc=what, unit="", disable=None, leave=True, dynamic_ncols=True) as bar:

        def show(done: int, total: int) -> None:
            if bar.total != total:
                bar.total = total
            bar.update(done - bar.n)

        yield show
