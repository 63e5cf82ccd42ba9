"""Values of a large JSON object, read one at a time."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refseg.annotation.importers import indexed_json
from refseg.annotation.importers.indexed_json import IndexedJson
from refseg.errors import DataError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(
    values=st.dictionaries(st.text(), VALUES),
    indent=st.sampled_from([None, 2]),
    ascii_=st.booleans(),
    chunk=st.integers(1, 40),
)
def test_all_values_are_those_of_the_json_module(
    values: dict[str, Any], indent: int | None, ascii_: bool, chunk: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("json") / "a.json"
    path.write_text(json.dumps(values, indent=indent, ensure_ascii=ascii_), encoding="utf-8", errors="surrogatepass")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(indexed_json, "CHUNK", chunk)
        found = IndexedJson(path, "a.json")
    ascii_keys = [key for key in values if key.isascii()]
    assert len(found) == len(values) and [key for key in found.unread() if key in ascii_keys] == ascii_keys
    for key in ascii_keys:
        assert found.get(key) == values[key]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "{",
        "[]",
        '{"a"}',
        '{"a": }',
        '{"a": 1,}',
        '{"a": 1',
        "{1: 2}",
        '{"a": [1}',
        '{"a": 1 "b": 2}',
        "[" * 100_000,
    ],
)
def test_what_is_no_object_is_one_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"^masks\.json is not a valid JSON object near byte"):
        IndexedJson(tmp_path / "a.json", "masks.json")


def test_a_byte_order_mark_and_white_space(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('\ufeff \r\n{ "a" :\t[1, 2] , "b": 5 } \n', encoding="utf-8")
    found = IndexedJson(tmp_path / "a.json", "a.json")
    assert (found.get("a"), found.unread()) == ([1, 2], ["b"])
    assert (found.get("b"), found.unread()) == (5, [])
    with pytest.raises(DataError, match="has no entry 'c'"):
        found.get("c")
