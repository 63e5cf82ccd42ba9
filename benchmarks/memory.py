"""Peak memory of this process, if the operating system reports it."""

import contextlib
import re
import sys
from pathlib import Path

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def reset_peak() -> int | None:
    """Reset the peak and return the level to subtract from the next peak, in bytes; None if it is unknown.

    On Linux the peak is reset to the present size of the resident set. Other systems cannot reset it, so the level is
    the peak so far.
    """
    with contextlib.suppress(OSError):
        CLEAR.write_text("5", encoding="ascii")
    return peak_resident_bytes()


def peak_resident_bytes() -> int | None:
    """Return the largest resident set since the start or, on Linux, since `reset_peak`, in bytes; None if unknown."""
    with contextlib.suppress(OSError):
        if found := re.search(
            r"^VmHWM:\s+(\d+) kB", STATUS.read_text(encoding="ascii", errors="replace"), re.MULTILINE
        ):
            return int(found[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # bytes on macOS, kilobytes elsewhere
