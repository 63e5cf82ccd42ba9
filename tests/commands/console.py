"""Helpers of the command-line tests."""

from collections.abc import Callable
from pathlib import Path

import pytest

Capture = pytest.CaptureFixture[str]
Segment = Callable[..., int]
Patch = pytest.MonkeyPatch


def complaint(capture: Capture) -> str:
    """Return the only line on standard error; standard output must be empty."""
    printed = capture.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1 and printed.err.endswith("\n") and printed.err.startswith("refseg: ")
    return printed.err.removeprefix("refseg: ").strip()


def tree(folder: Path) -> set[str]:
    """Return the relative paths of everything in a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
