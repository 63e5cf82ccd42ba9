"""Which projects are listed and can be opened."""

import os
import time
from pathlib import Path

import pytest

from refseg.errors import ProjectError
from refseg.ui.project_directory import UNLISTED_LIFETIME_SECONDS, ProjectDirectory


def test_listed_projects_have_names(tmp_path: Path) -> None:
    projects = ProjectDirectory(tmp_path / "projects", listed=True)
    assert projects.keys() == [] and projects.location == str(tmp_path / "projects")
    assert projects.create(" my  dogs ") == "my dogs" and projects.create("Grüße-2") == "Grüße-2"
    assert set(projects.keys()) == {"my dogs", "Grüße-2"} and projects.open("my dogs").name == " my  dogs "
    with pytest.raises(ProjectError, match="already"):
        projects.create("my dogs")


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "a\\b", ".hidden", "x" * 101, "dot.", "nul\0"])
def test_names_stay_in_their_folder(name: str, tmp_path: Path) -> None:
    projects = ProjectDirectory(tmp_path / "projects", listed=True)
    with pytest.raises(ProjectError):
        projects.create(name)
    with pytest.raises(ProjectError, match="does not exist"):
        projects.open(name)
    assert not list(tmp_path.iterdir())


def test_unlisted_projects_have_random_keys(tmp_path: Path) -> None:
    projects = ProjectDirectory(tmp_path, listed=False)
    first, second = projects.create("mine"), projects.create("mine")
    assert first != second and min(len(first), len(second)) >= 24 and projects.keys() == [] and projects.location == ""
    assert projects.open(first).name == "mine"
    with pytest.raises(ProjectError):
        projects.open("mine")


def test_an_unlisted_project_has_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refseg.ui.project_directory.MAX_UNLISTED_BYTES", 2_000_000)
    monkeypatch.setattr("refseg.ui.project_directory.MIN_FREE_BYTES", 0)
    shared, own = ProjectDirectory(tmp_path / "shared", listed=False), ProjectDirectory(tmp_path / "own", listed=True)
    project, mine = shared.open(shared.create("a")), own.open(own.create("a"))
    (project.folder / "images" / "a.png").write_bytes(b"x" * 1_500_000)
    shared.check_space(project, 500_000)
    with pytest.raises(ProjectError, match=r"would have 4 MB of images\. A shared page allows 2 MB"):
        shared.check_space(project, 2_500_000)
    monkeypatch.setattr("refseg.ui.project_directory.MIN_FREE_BYTES", 10**18)
    with pytest.raises(ProjectError, match="disk of this shared page is full"):
        shared.check_space(project, 1)
    own.check_space(mine, 10**15)
    assert shared.limits.size < own.limits.size


def test_unlisted_projects_expire(tmp_path: Path) -> None:
    projects = ProjectDirectory(tmp_path, listed=False)
    old, new = projects.create("old"), projects.create("new")
    (tmp_path / "else").mkdir()
    for part in ("annotations", "images"):
        os.utime(tmp_path / old / part, (time.time() - UNLISTED_LIFETIME_SECONDS - 60,) * 2)
    projects.delete_expired()
    assert {path.name for path in tmp_path.iterdir()} == {new, "else"}
    ProjectDirectory(tmp_path, listed=True).delete_expired()
    assert (tmp_path / new).exists()
