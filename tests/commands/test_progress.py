"""Progress bar on the console."""

import contextlib
import sys

import pytest

from refseg.commands.progress import counting


def test_a_terminal_shows_count_rate_and_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with counting("images") as progress:
        for done in (1, 2, 3):
            progress(done, 3)
    printed = capsys.readouterr().err
    assert "images" in printed and "3/3" in printed and "/s" in printed
    assert printed.endswith("\n")


def test_an_error_ends_the_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with contextlib.suppress(ValueError), counting("images") as progress:
        progress(1, 3)
        raise ValueError
    assert capsys.readouterr().err.endswith("\n")


def test_nothing_is_printed_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with counting("images") as progress:
        progress(1, 2)
        progress(2, 2)
    assert capsys.readouterr().err == ""
