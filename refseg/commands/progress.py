"""Progress bar on the console."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar with rate and time left on standard error, if that is a terminal.

    Yields a function of the number done and the total. what: plural noun of what is counted.
    """
    with tqdm(desc=what, unit="", disable=None, leave=True, dynamic_ncols=True) as bar:

        def show(done: int, total: int) -> None:
            if bar.total != total:
                bar.total = total
            bar.update(done - bar.n)

        yield show
