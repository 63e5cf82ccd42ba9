"""The command line: options, error messages and exit statuses."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from refseg import cli
from refseg.cli import main
from refseg.version import __version__
from tests.commands.console import Capture, Patch, complaint, tree

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "COMMAND"),
        (["segmnt"], "did you mean segment?"),
        (["segment"], "--image"),
        (["segment", "--imge", "x"], "unknown option --imge; did you mean --image?"),
        (
            ["segment", "--image", "x", "--expression", "d", "--output", "o", "--threshold", "1.5"],
            "expected a number from 0 to 1",
        ),
        (
            ["segment", "--image", "x", "--expression", "d", "--output", "o", "--threshold", "nan"],
            "expected a number from 0 to 1",
        ),
        (["segment", "--image", "x", "--expression", "d", "--output", "o", "--refine", "crff"], "did you mean crf?"),
        (["segment", "--image", "x", "--expression", "d", "--output", "o", "more"], "more"),
        (["segment", "--image", "--expression", "d", "--output", "o"], "expected one argument"),
        (["evaluate", "--data", "nowhere", "--limit", "0"], "integer of at least 1"),
        (["evaluate", "--data", "nowhere", "--format", "cocoo"], "refcoco"),
        (["evaluate", "--data", "nowhere"], "nowhere"),
        (
            ["train", "--recipe", "compact", "--data", "nowhere", "--output", "o"],
            "there is no data folder nowhere, expected",
        ),
        (["train", "--recipe", "compact", "--data", "nowhere", "--output", "o", "--resumed"], "did you mean --resume?"),
        (["hub"], "push|pull"),
        (["hub", "pul", "a/b"], "did you mean pull?"),
        (["hub", "pull"], "USER/NAME"),
        (["bench", "--runs", "many"], "integer of at least 1"),
        (["bench", "--model", "./no/such/folder"], "no model './no/such/folder'"),
    ],
)
def test_unusable_arguments(
    arguments: list[str], message: str, capsys: Capture, tmp_path: Path, monkeypatch: Patch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert message in complaint(capsys)
    assert tree(tmp_path) == set()


def test_an_unexpected_error_is_one_line(capsys: Capture, monkeypatch: Patch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("first line\nsecond line")

    monkeypatch.setattr(cli.bench, "load_predictor", broken)
    monkeypatch.delenv("REFSEG_DEBUG", raising=False)
    assert main(["bench"]) == 1
    assert "please report it (ZeroDivisionError: first line second line)" in complaint(capsys)
    monkeypatch.setenv("REFSEG_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        main(["bench"])


def test_an_interrupt(capsys: Capture, monkeypatch: Patch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.bench, "load_predictor", stopped)
    assert main(["bench"]) == 130
    assert complaint(capsys) == "interrupted"


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["segment", "--help"], ["evaluate", "-h"], ["train", "-h"], ["hub", "push", "-h"], ["bench", "-h"]],
)
def test_help(arguments: list[str], capsys: Capture) -> None:
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("usage: python -m refseg")


def test_version(capsys: Capture) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"refseg {__version__}"


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "refseg", *arguments],
        cwd=ROOT,
        text=True,
        timeout=120,
        check=False,
        capture_output=True,
        **options,
    )


def test_a_missing_image_in_a_new_process() -> None:
    done = run("segment", "--image", "nowhere.jpg", "--expression", "dog", "--output", "never")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "refseg: there is no image nowhere.jpg, expected an image file: check the path\n"
    assert not (ROOT / "never").exists()


def test_help_does_not_import_torch() -> None:
    code = (
        "import sys; from refseg.cli import main; status = main(['segment', '--help']); sys.exit(status or 'torch' in"
        " sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True).returncode == 0


def test_a_console_without_unicode() -> None:
    done = run(
        "segment",
        "--image",
        "木.jpg",
        "--expression",
        "dog",
        "--output",
        "never",
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 2
    assert done.stderr == "refseg: there is no image \\u6728.jpg, expected an image file: check the path\n"


@pytest.mark.skipif(sys.platform == "win32", reason="closed pipes differ on Windows")
def test_a_closed_pipe() -> None:
    """`python -m refseg --help | head -0`, with the buffered output of a shell."""
    reading, writing = os.pipe()
    os.close(reading)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-m", "refseg", "--help"]
    with os.fdopen(writing, "wb") as pipe:
        done = subprocess.run(
            command, cwd=ROOT, stdout=pipe, stderr=subprocess.PIPE, check=False, timeout=60, env=environment
        )
    assert (done.returncode, done.stderr) == (0, b"")
