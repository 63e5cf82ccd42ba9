"""pyarrow, which reads and writes Parquet and Arrow files; an optional part of the installation."""

from __future__ import annotations

import importlib
from types import ModuleType

from refseg.errors import UnavailableError


def load_pyarrow(purpose: str) -> ModuleType:
    """The module `pyarrow`, with `pyarrow.parquet` and `pyarrow.ipc` loaded.

    purpose: what it is needed for, such as "Reading Parquet files".  Raises UnavailableError if it is not installed.
    """
    try:
        for part in ("pyarrow.parquet", "pyarrow.ipc"):
            importlib.import_module(part)
        return importlib.import_module("pyarrow")
    except ImportError as error:
        raise UnavailableError(
            f"{purpose} needs pyarrow, which is not installed. Install it: pip install 'refseg[datasets]'"
        ) from error
