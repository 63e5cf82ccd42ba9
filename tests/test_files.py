"""Files are written atomically."""

import json
import math
import stat
import sys
from pathlib import Path

import pytest

from refseg.files import replacing, write_json


def test_the_new_content_replaces_the_old(tmp_path: Path) -> None:
    target = tmp_path / "words.txt"
    target.write_text("old")
    with replacing(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_a_failure_keeps_the_old_content(tmp_path: Path, failure: type[BaseException]) -> None:
    target = tmp_path / "words.txt"
    target.write_text("old")

    def write_and_fail() -> None:
        with replacing(str(target)) as temporary:
            temporary.write_text("half")
            raise failure

    with pytest.raises(failure):
        write_and_fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are POSIX")
def test_permissions_are_the_default(tmp_path: Path) -> None:
    usual, target = tmp_path / "usual", tmp_path / "target"
    usual.write_text("")
    with replacing(target) as temporary:
        temporary.write_text("")
    assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)


def test_a_long_file_name(tmp_path: Path) -> None:
    target = tmp_path / ("x" * 250)
    with replacing(target) as temporary:
        temporary.write_text("new")
    assert target.read_text() == "new"


def test_json_is_written_completely_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    write_json(target, {"name": "чашка", "values": [1, 2.5, None]})
    assert json.loads(target.read_text(encoding="utf-8")) == {"name": "чашка", "values": [1, 2.5, None]}
    assert "чашка" in target.read_text(encoding="utf-8") and target.read_text().endswith("}\n")
    before = target.read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(target, {"values": [1.0, math.nan]})
    assert target.read_bytes() == before and list(tmp_path.iterdir()) == [target]
