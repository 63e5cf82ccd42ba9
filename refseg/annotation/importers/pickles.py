"""Pickles of plain values alone: the refs of RefCOCO are published as such.

A pickle is a program. Before any of it runs, its instructions are checked: only those that build None, booleans,
numbers, text, bytes, lists, tuples, sets and dictionaries are allowed, and none that names, calls or imports anything.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from typing import Any, NoReturn

from refseg.errors import DataError

MAX_PICKLE_BYTES = 500_000_000
_PLAIN = frozenset(
    (
        *("PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "DUP"),
        *(
            "NONE",
            "NEWTRUE",
            "NEWFALSE",
            "INT",
            "BININT",
            "BININT1",
            "BININT2",
            "LONG",
            "LONG1",
            "LONG4",
            "FLOAT",
            "BINFLOAT",
        ),
        *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
        *("EMPTY_LIST", "APPEND", "APPENDS", "LIST", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
        *("EMPTY_DICT", "DICT", "SETITEM", "SETITEMS", "EMPTY_SET", "ADDITEMS"),
        *("GET", "BINGET", "LONG_BINGET", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"),
    )
)
_PUTS = frozenset(("PUT", "BINPUT", "LONG_BINPUT"))
_INSTRUCTIONS = {instruction.code.encode("latin1"): instruction for instruction in pickletools.opcodes}


class _PlainUnpickler(pickle.Unpickler):
    """A second line of defense behind `_check`."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise DataError(f"it names {module}.{name}")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise DataError("it refers to objects outside of it")


def load_plain(data: bytes, name: str) -> Any:
    """The value of a pickle of plain values, also of Python 2.

    name: of the file, for errors. Raises DataError for everything else.
    """
    if len(data) > MAX_PICKLE_BYTES:
        raise DataError(f"{name} has {len(data):,} bytes, expected at most {MAX_PICKLE_BYTES:,}: split the data set")
    try:
        _check(data)
        try:
            return _PlainUnpickler(io.BytesIO(data), encoding="utf-8").load()
        except UnicodeDecodeError:  # of a text of Python 2
            return _PlainUnpickler(io.BytesIO(data), encoding="latin1").load()
    except DataError as error:
        raise DataError(
            f"{name} is not read: {error}, expected a pickle of plain lists, dictionaries, numbers and texts"
        ) from error
    except Exception as error:  # damaged pickles make the unpickler stumble over anything
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise DataError(
            f"{name} is no pickle that can be read ({reason}), expected the refs of RefCOCO: get the file again"
        ) from error


def _check(data: bytes) -> None:
    """Raises DataError for an instruction that is not one of plain values, or that makes the reader allocate memory
    that the file does not fill.
    """
    stream = io.BytesIO(data)
    number = 0
    name = ""
    while name != "STOP":
        number += 1
        code = stream.read(1)
        instruction = _INSTRUCTIONS.get(code)
        if instruction is None:
            raise DataError("it is cut off" if not code else f"it has the unknown instruction {code!r}")
        name = instruction.name
        if name not in _PLAIN:
            raise DataError(f"it has the instruction {name}, which runs code or refers to other objects")
        argument: Any = None
        if name == "STRING":
            stream.readline()  # text of Python 2 may be in any encoding; pickletools reads ASCII alone
        elif instruction.arg is not None:
            argument = instruction.arg.reader(stream)
        if name in _PUTS and not 0 <= argument <= number:
            raise DataError("it numbers its values without order")
