"""What commands tell while they work."""

import sys
from collections.abc import Callable


def counting(what: str) -> Callable[[int, int], None] | None:
    """A function of (done, total) that counts on the console, where somebody may look; None where nobody does."""
    if not sys.stderr.isatty():
        return None

    def tell(done: int, total: int) -> None:
        print(f"\r{done}/{total} {what}", end="\n" if done == total else "", file=sys.stderr, flush=True)

    return tell
