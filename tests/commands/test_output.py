"""Output folders receive all results or none."""

from pathlib import Path

import pytest

from refseg.cli import main
from refseg.commands.output import check_report_path, output_folder
from refseg.errors import InputError


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name, encoding="utf-8")


def test_a_new_folder(tmp_path: Path) -> None:
    with output_folder(tmp_path / "a" / "b", last="result") as staging:
        write(staging, "masks/0", "result")
        assert not (tmp_path / "a" / "b" / "result").exists()
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        "a",
        "a/b",
        "a/b/masks",
        "a/b/masks/0",
        "a/b/result",
    ]


def test_an_existing_folder_keeps_other_files(tmp_path: Path) -> None:
    write(tmp_path, "mine", "result", "masks/7")
    (tmp_path / "result").write_text("old", encoding="utf-8")
    with output_folder(tmp_path, last="result") as staging:
        write(staging, "masks/0", "result")
    assert {
        path.relative_to(tmp_path).as_posix(): path.read_text(encoding="utf-8")
        for path in tmp_path.rglob("*")
        if path.is_file()
    } == {name: name for name in ("mine", "result", "masks/7", "masks/0")}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_removes_new_folders(tmp_path: Path, error: type[BaseException]) -> None:
    def fail() -> None:
        with output_folder(tmp_path / "a" / "b", last="result") as staging:
            write(staging, "masks/0")
            raise error

    with pytest.raises(error):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_failure_keeps_existing_files(tmp_path: Path) -> None:
    write(tmp_path, "result")

    def fail() -> None:
        with output_folder(tmp_path, last="result") as staging:
            write(staging, "masks/0", "result")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


def test_the_last_file_is_moved_last(tmp_path: Path) -> None:
    """A folder has the name of the mask. The old result must not be replaced by one whose mask is missing."""
    write(tmp_path, "result")
    (tmp_path / "zmask").mkdir()

    def fail() -> None:
        with output_folder(tmp_path, last="result") as staging:
            write(staging, "zmask")
            (staging / "result").write_text("new", encoding="utf-8")

    with pytest.raises(InputError, match="cannot write to"):
        fail()
    assert (tmp_path / "result").read_text(encoding="utf-8") == "result"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result", "zmask"]


def test_unwritable_paths(tmp_path: Path) -> None:
    write(tmp_path, "file")
    with pytest.raises(InputError, match="is a file, expected a folder"), output_folder(tmp_path / "file", last=""):
        pass
    with pytest.raises(InputError, match="cannot write to"), output_folder(tmp_path / "file" / "below", last=""):
        pass
    with pytest.raises(InputError, match="cannot write to"), output_folder(tmp_path / ("x" * 400), last=""):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["missing/report.json", "."])
def test_a_report_that_cannot_be_written_is_told_before_the_work(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="report"):
        check_report_path(tmp_path / name)
    check_report_path(tmp_path / "report.json")
    check_report_path(None)
    arguments = ["--project", str(tmp_path / "project"), "--report", str(tmp_path / name)]
    assert main(["import", "--input", str(tmp_path), *arguments]) == 2
    assert not (tmp_path / "project").exists()
    assert main(["export", "--format", "coco", "--output", str(tmp_path / "out"), *arguments]) == 2
    assert not (tmp_path / "out").exists()
