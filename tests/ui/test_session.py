"""Folders for a visitor's files."""

import os
import random
import sys
import tempfile
from pathlib import Path

import pytest

from refseg.ui.session import SessionFolder


def test_names_of_folders_do_not_follow_from_earlier_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even for somebody who knows the state of every generator that is seeded."""

    def names() -> list[str]:
        random.seed(1)
        monkeypatch.setattr(tempfile, "_name_sequence", iter([f"name{number}" for number in range(100)]))
        folders = [SessionFolder(tmp_path) for _ in range(50)]
        return [folder.file("mask.png").parent.name for folder in folders]

    first, second = names(), names()
    assert len({*first, *second}) == 100
    assert all(len(name) >= len("refseg-") + 128 / 6 for name in first)  # 6 bits a character
    assert not any(name.removeprefix("refseg-").startswith("name") for name in first)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permission bits")
def test_only_the_servers_user_may_open_a_folder(tmp_path: Path) -> None:
    folder = SessionFolder(tmp_path)
    path = folder.file("mask.png").parent
    assert path.stat().st_mode & 0o777 == 0o700 and os.access(path, os.W_OK)


def test_a_folder_goes_with_its_session(tmp_path: Path) -> None:
    folder = SessionFolder(tmp_path / "new")
    folder.file("mask.png").touch()
    folder.remove()
    assert list((tmp_path / "new").iterdir()) == []
    other = SessionFolder(tmp_path)
    path = other.file("mask.png")
    del other
    assert not path.parent.exists()
