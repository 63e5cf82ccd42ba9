"""Which files of a data set are its tables, and which split each belongs to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from refseg.annotation.importers.datasets.tables import Arrow, Csv, JsonLines, Parquet, Table, features_class_names
from refseg.annotation.importers.report import ImportReport
from refseg.annotation.importers.source import Source
from refseg.annotation.importers.texts import read_json
from refseg.errors import DataError

METADATA: Mapping[str, type[Table]] = {"metadata.jsonl": JsonLines, "metadata.csv": Csv, "metadata.parquet": Parquet}
STATE, INFO, SPLITS = "state.json", "dataset_info.json", "dataset_dict.json"
_SHARD = re.compile(r"(?P<split>.+?)-\d{5}-of-\d{5}(-[0-9a-f]{8,})?")
_NO_SPLIT = frozenset(
    ("data", "images", "image", "img", "imgs", "dataset", "default", "metadata", "parquet", "annotations", "")
)


def is_table(file: str) -> bool:
    """Whether a file is a table, by its name."""
    path = PurePosixPath(file)
    return path.name.casefold() in METADATA or path.suffix.casefold() in (".parquet", ".arrow")


def find_tables(source: Source, report: ImportReport) -> list[Table]:
    """All tables: metadata.jsonl, .csv and .parquet of image folders, Parquet shards, and the Arrow files of
    `save_to_disk`.
    """
    tables: list[Table] = []
    saved = _saved_folders(source, report)
    for file in source.files:
        path = PurePosixPath(file)
        folder, name = _parent(file), path.name.casefold()
        if name in METADATA:
            tables.append(METADATA[name](source, file, report, split_of_folder(folder)))
        elif path.suffix.casefold() == ".parquet":
            tables.append(Parquet(source, file, report, _split_of_shard(path)))
        elif path.suffix.casefold() == ".arrow":
            if folder not in saved:
                tables.append(Arrow(source, file, report, _split_of_shard(path)))
            elif path.name in saved[folder].files:
                tables.append(Arrow(source, file, report, saved[folder].split, saved[folder].class_names))
            else:
                report.skip("file", f"not named in {STATE}", file)
    return tables


def split_of_folder(folder: str) -> str:
    """The split that a folder is named for; "" for names like "images" that say nothing."""
    name = PurePosixPath(folder).name
    return "" if name.casefold() in _NO_SPLIT else name


class _Saved:
    """A folder that `save_to_disk` wrote."""

    def __init__(self, source: Source, folder: str, report: ImportReport) -> None:
        prefix = f"{folder}/" if folder else ""
        state = _read(source, f"{prefix}{STATE}", report)
        info = _read(source, f"{prefix}{INFO}", report)
        listed = state.get("_data_files")
        names = [one.get("filename") for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        here = {
            PurePosixPath(file).name
            for file in source.files
            if _parent(file) == folder and file.casefold().endswith(".arrow")
        }
        self.files = {name for name in names if name in here} or here
        for name in names:
            if name not in here:
                report.skip("file", f"named in {STATE} but missing", f"{prefix}{str(name)[:80]}")
        own = state.get("_split")
        is_part = f"{_parent(folder)}/{SPLITS}".strip("/") in source.files if folder else False
        self.split = PurePosixPath(folder).name if is_part else own if isinstance(own, str) else ""
        self.class_names = features_class_names(info.get("features"))


def _saved_folders(source: Source, report: ImportReport) -> dict[str, _Saved]:
    folders = [_parent(file) for file in source.files if PurePosixPath(file).name == STATE]
    return {folder: _Saved(source, folder, report) for folder in folders}


def _read(source: Source, file: str, report: ImportReport) -> Mapping[str, Any]:
    if file not in source.files:
        return {}
    try:
        values = read_json(source, file, report)
    except DataError as error:
        report.skip("file", "cannot be read", str(error))
        return {}
    return values if isinstance(values, dict) else {}


def _split_of_shard(path: PurePosixPath) -> str:
    """The split of "train-00000-of-00002.parquet", "validation.parquet" or "train/0000.parquet"."""
    if match := _SHARD.fullmatch(path.stem):
        return match["split"]
    return (
        split_of_folder(path.parent.as_posix())
        if path.stem.isdigit() or path.stem.casefold() in _NO_SPLIT
        else path.stem
    )


def _parent(file: str) -> str:
    parent = PurePosixPath(file).parent.as_posix()
    return "" if parent == "." else parent
