"""`train` passes its arguments to the training loop."""

import errno
from pathlib import Path
from typing import Any

import pytest

import refseg.training.loop
from refseg.cli import main
from tests.commands.console import Capture, Patch, complaint, tree


def test_arguments_are_passed_to_the_training_loop(tmp_path: Path, capsys: Capture, monkeypatch: Patch) -> None:
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def train(*arguments: Any, **options: Any) -> Path:
        calls.append((arguments, options))
        return tmp_path / "run" / "checkpoint"

    monkeypatch.setattr(refseg.training.loop, "train_from_recipe", train)
    base = [
        "train",
        "--recipe",
        "compact",
        "--data",
        str(tmp_path),
        "--output",
        str(tmp_path / "run"),
        "--device",
        "cpu",
    ]
    assert main([*base, "--resume", "--steps", "7"]) == 0
    assert calls == [
        (("compact", tmp_path, tmp_path / "run"), {"resume": True, "steps": 7, "device": "cpu", "model": None})
    ]
    assert capsys.readouterr().out.strip() == str(tmp_path / "run" / "checkpoint")


def test_unknown_recipe(tmp_path: Path, capsys: Capture) -> None:
    assert (
        main(
            [
                "train",
                "--recipe",
                "no_such",
                "--data",
                str(tmp_path),
                "--output",
                str(tmp_path / "run"),
                "--device",
                "cpu",
            ]
        )
        == 2
    )
    assert "no_such" in complaint(capsys)
    assert tree(tmp_path) == set()


@pytest.mark.parametrize("file", ["images/1.jpg", None])
def test_a_read_error_is_not_reported_as_a_write_error(
    file: str | None, tmp_path: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    def train(*arguments: Any, **options: Any) -> Path:
        raise OSError(errno.EIO, "Input/output error", file)

    monkeypatch.setattr(refseg.training.loop, "train_from_recipe", train)
    arguments = ["--data", str(tmp_path), "--output", str(tmp_path / "run"), "--device", "cpu"]
    assert main(["train", "--recipe", "compact", *arguments]) == 2
    message = complaint(capsys)
    assert (
        f"cannot read {file or tmp_path} (Input/output error), expected a readable file" in message
        and "write" not in message
    )
