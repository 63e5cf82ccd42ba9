"""The split of an image by the names of the folders that it lies in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from types import MappingProxyType

_SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_NO_OTHERS: Mapping[str, str] = MappingProxyType({})


def split_of_folders(file: str, others: Mapping[str, str] = _NO_OTHERS) -> str:
    """The split of the outermost folder that is named like one, in any case; "" if there is none.

    file: relative to the data set.  others: further folder names (in lower case) and their splits.
    """
    splits = {**_SPLITS, **others}
    folders = (part.casefold() for part in PurePosixPath(file).parts[:-1])
    return next((splits[folder] for folder in folders if folder in splits), "")
