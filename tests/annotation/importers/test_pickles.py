"""Pickles of strangers: plain values are read, nothing is ever called."""

import collections
import contextlib
import datetime
import os
import pickle
import pickletools
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refseg.annotation.importers.pickles import load_plain
from refseg.errors import DataError

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=10)
    | st.binary(max_size=10)
)
PLAIN = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
)


@given(PLAIN, st.integers(3, 5))
def test_plain_values_come_back(value: Any, protocol: int) -> None:
    assert load_plain(pickle.dumps(value, protocol=protocol), "x.p") == value


@given(st.recursive(st.text(max_size=9) | st.integers(), lambda inner: st.lists(inner, max_size=4)), st.integers(0, 2))
def test_old_protocols(value: Any, protocol: int) -> None:
    assert load_plain(pickle.dumps(value, protocol=protocol), "x.p") == value


class _Runs:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


ATTACKS = [
    _Runs(os.system, "touch attacked"),
    _Runs(eval, "1"),
    _Runs(getattr, "", "join"),
    np.int64(5),
    np.zeros(3),
    collections.OrderedDict(a=1),
    datetime.datetime(2020, 1, 1),
    len,
    _Runs,
    {"ann_id": np.float32(1)},
    bytearray(b"x"),
    complex(1, 2),
    frozenset((1,)),
]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("value", ATTACKS, ids=lambda value: type(value).__name__)
def test_everything_else_is_refused(value: Any, protocol: int, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"x\.p is not read"):
        load_plain(pickle.dumps([value], protocol=protocol), "x.p")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(S'touch attacked'\ntR.",
        b"(S'touch attacked'\nios\nsystem\n.",
        b"Pperson\n.",
        b"\x80\x02K\x01Q.",
        b"\x80\x02\x82\x01.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
        b"(cos\nsystem\nS'touch attacked'\no.",
        b"\x80\x02]r" + struct.pack("<I", 2**31 - 1) + b".",  # 32 GB for one memo
        b"]p999999999\n.",
        b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"x.",
        b"\x80\x05\x8e" + struct.pack("<Q", 2**40) + b"x.",
        b"\x8d" + struct.pack("<Q", 2**62) + b"x.",
        b"\x80\x09.",
        b"",
        b".",
        b"0.",
        b"a.",
        b"h\x05.",
        b"]",
        b"(I1\nd.",
        b"(]I1\nd.",
        b"I" + b"9" * 5000 + b"\n.",
        b"\x89PNG",
        b"{}",
    ],
)
def test_damaged_and_hostile_bytes(data: bytes) -> None:
    with pytest.raises(DataError, match=r"x\.p"):
        load_plain(data, "x.p")


@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_any_bytes_end_in_a_value_or_one_error(data: bytes) -> None:
    with contextlib.suppress(DataError):
        load_plain(data, "x.p")


@settings(max_examples=300)
@given(
    st.lists(st.sampled_from([opcode.code.encode("latin1") for opcode in pickletools.opcodes]), max_size=12),
    st.binary(max_size=12),
)
def test_any_instructions_end_in_a_value_or_one_error(codes: list[bytes], tail: bytes) -> None:
    with contextlib.suppress(DataError):
        load_plain(b"".join(codes) + tail + b".", "x.p")
