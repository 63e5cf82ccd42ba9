"""Text and values of files in the encodings and types that tools and systems write."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refseg.annotation.encodings import decode
from refseg.annotation.importers.report import ImportReport
from refseg.annotation.importers.source import Source
from refseg.annotation.importers.texts import head, read_json, read_text
from refseg.annotation.importers.values import id_key, number, numbers, original_id, text, texts, whole
from refseg.errors import DataError

ASCII_START = '{"name": "'


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")))
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_is_read_in_every_form(encoding: str, content: str) -> None:
    assert decode((ASCII_START + content).encode(encoding))[0] == ASCII_START + content


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("杯子在桌子上", "gbk"),
        ("红色的杯子 red cup, 白色", "gbk"),
        ("une cafétéria à côté", "cp1252"),
        ("größte Tür, naïve façade", "cp1252"),
        ("señor “niño”", "cp1252"),
    ],
)
def test_code_pages_are_told_apart_and_reported(content: str, encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(content.encode(encoding) + b"\r\nx")
    report = ImportReport()
    assert read_text(Source(tmp_path), "a.txt", report) == f"{content}\nx"
    assert len(report.altered) == 1 and "not UTF-8" in next(iter(report.altered))[1]


@given(st.binary(max_size=60))
def test_any_bytes_are_text_or_one_error(data: bytes) -> None:
    with contextlib.suppress(UnicodeDecodeError):  # of a file whose first bytes name an encoding
        decode(data)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[" * 100_000, b"\xff\xfea", b'{"a": 1}}', b"\xef\xbb\xbf", b"nothing"]
)
def test_damaged_json_is_one_error_without_the_place_of_the_folder(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DataError, match=r"^a\.json is not valid") as caught:
        read_json(Source(tmp_path), "a.json", ImportReport())
    assert str(tmp_path) not in str(caught.value)


def test_the_head_of_a_file(tmp_path: Path) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le"):
        (tmp_path / "a.json").write_bytes('{"images": []}'.encode(encoding))
        assert '"images"' in head(Source(tmp_path), "a.json")
    assert head(Source(tmp_path), "missing.json") == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, 7),
        (7.0, 7),
        ("7", 7),
        (" 7 ", 7),
        ("7.0", 7),
        ("-3", -3),
        (2**60 + 1, 2**60 + 1),
        (str(2**60 + 1), 2**60 + 1),
    ]
    + [
        (value, None)
        for value in (7.5, "7.5", "", "x", None, True, [7], float("nan"), float("inf"), "1_000", "7,0", {})
    ],
)
def test_whole_numbers(value: Any, expected: int | None) -> None:
    assert whole(value) == expected and type(whole(value)) is type(expected)


def test_other_values() -> None:
    assert (number("1.5"), number("1e3"), number("nan"), number(True), number(10**400)) == (
        1.5,
        1000.0,
        None,
        None,
        None,
    )
    assert (text(" a "), text(5), text(None), text(True), text([])) == ("a", "5", "", "", "")
    assert (texts(None), texts("a"), texts(["a", "a"]), texts([1]), texts({})) == ([], ["a"], ["a", "a"], None, None)
    assert (numbers([1, "2", 3.5]), numbers([1, None]), numbers("12"), numbers(None)) == (
        [1.0, 2.0, 3.5],
        None,
        None,
        None,
    )


def test_ids_are_compared_by_their_value_and_kept_as_they_are() -> None:
    assert id_key(7) == id_key("7") == id_key(7.0) == 7
    assert id_key("007") == "007" != id_key(7) and id_key("7.0") != 7
    assert [id_key(value) for value in (None, True, "", " ", 7.5, [], "\ud800", 2**63, "x" * 1001)] == [None] * 9
    assert (original_id("7"), original_id(7.0), original_id("007"), original_id(None), original_id(2**63)) == (
        "7",
        7,
        "007",
        None,
        None,
    )
