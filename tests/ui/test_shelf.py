"""Whose projects can be seen and opened."""

import os
import time
from pathlib import Path

import pytest

from refseg.errors import ProjectError
from refseg.ui.shelf import KEPT, Shelf


def test_on_ones_own_computer_projects_have_their_names_and_are_listed(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "projects", listed=True)
    assert shelf.names() == [] and shelf.place == str(tmp_path / "projects")
    assert shelf.create(" my  dogs ") == "my dogs" and shelf.create("Grüße-2") == "Grüße-2"
    assert set(shelf.names()) == {"my dogs", "Grüße-2"} and shelf.open("my dogs").name == " my  dogs "
    with pytest.raises(ProjectError, match="already"):
        shelf.create("my dogs")


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "a\\b", ".hidden", "x" * 101, "dot.", "nul\0"])
def test_names_stay_in_their_folder(name: str, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "projects", listed=True)
    with pytest.raises(ProjectError):
        shelf.create(name)
    with pytest.raises(ProjectError, match="not here"):
        shelf.open(name)
    assert not list(tmp_path.iterdir())


def test_visitors_do_not_know_each_other(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, listed=False)
    first, second = shelf.create("mine"), shelf.create("mine")
    assert first != second and min(len(first), len(second)) >= 24 and shelf.names() == [] and shelf.place == ""
    assert shelf.open(first).name == "mine"
    with pytest.raises(ProjectError):
        shelf.open("mine")


def test_a_visitors_project_has_its_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refseg.ui.shelf.ROOM", 2_000_000)
    monkeypatch.setattr("refseg.ui.shelf.SPARE", 0)
    shared, own = Shelf(tmp_path / "shared", listed=False), Shelf(tmp_path / "own", listed=True)
    project, mine = shared.open(shared.create("a")), own.open(own.create("a"))
    (project.folder / "pictures" / "a.png").write_bytes(b"x" * 1_500_000)
    shared.check_room(project, 500_000)
    with pytest.raises(ProjectError, match="would hold 4 MB of pictures, expected at most 2 MB"):
        shared.check_room(project, 2_500_000)
    monkeypatch.setattr("refseg.ui.shelf.SPARE", 10**18)
    with pytest.raises(ProjectError, match="no room left"):
        shared.check_room(project, 1)
    own.check_room(mine, 10**15)
    assert shared.limits.size < own.limits.size


def test_what_nobody_has_touched_for_a_day_goes(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, listed=False)
    old, new = shelf.create("old"), shelf.create("new")
    (tmp_path / "else").mkdir()
    for part in ("annotations", "pictures"):
        os.utime(tmp_path / old / part, (time.time() - KEPT - 60,) * 2)
    shelf.clear()
    assert {path.name for path in tmp_path.iterdir()} == {new, "else"}
    Shelf(tmp_path, listed=True).clear()
    assert (tmp_path / new).exists()
