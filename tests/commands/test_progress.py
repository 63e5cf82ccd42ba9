"""Counts on the console."""

import contextlib
import sys

import pytest

from refseg.commands.progress import counting


def test_one_line_that_is_written_over_and_ended(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("refseg.commands.progress.INTERVAL", 0.0)
    with counting("pictures") as progress:
        for done in (1, 2, 3):
            progress(done, 3)
    assert capsys.readouterr().err == "\r1/3 pictures\r2/3 pictures\r3/3 pictures\n"
    with contextlib.suppress(ValueError), counting("pictures") as progress:
        progress(1, 3)
        raise ValueError
    assert capsys.readouterr().err == "\r1/3 pictures\n"


def test_not_too_often(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("refseg.commands.progress.INTERVAL", 1000.0)
    with counting("pictures") as progress:
        for done in range(1, 101):
            progress(done, 100)
    assert capsys.readouterr().err == "\r1/100 pictures\r100/100 pictures\n"


def test_nothing_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with counting("pictures") as progress:
        progress(1, 2)
        progress(2, 2)
    assert capsys.readouterr().err == ""
