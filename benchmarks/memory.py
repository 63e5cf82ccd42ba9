"""Peak memory of this process, where the system tells it."""

import contextlib
import re
import sys
from pathlib import Path

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def reset_peak() -> int | None:
    """Start counting anew: returns the present resident set in bytes, the level to subtract from the next peak; None where it is not told.

    On Linux the high-water mark is set back to the present size; elsewhere it cannot be, and the highest size so far is returned instead.
    """
    with contextlib.suppress(OSError):
        CLEAR.write_text("5", encoding="ascii")
    return peak_resident_bytes()


def peak_resident_bytes() -> int | None:
    """Largest resident set of this process since the start, or since `reset_peak` where that works; None where the system does not tell."""
    with contextlib.suppress(OSError):
        if found := re.search(r"^VmHWM:\s+(\d+) kB", STATUS.read_text(encoding="ascii", errors="replace"), re.MULTILINE):
            return int(found[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # bytes on macOS, kilobytes elsewhere
