"""RefCOCO: COCO instances and refs about them.

Read are the layout that this project writes (expressions.json) and the published one: refs(unc).p, refs(google).p or
refs(umd).p, a pickle, beside instances.json, with the images of COCO train2014 in some folder.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from refseg.annotation.importers.coco import Instances, add_images, read_instances
from refseg.annotation.importers.coco_files import instance_files
from refseg.annotation.importers.pickles import MAX_PICKLE_BYTES, load_plain
from refseg.annotation.importers.refs import expressions_of, parse_refs
from refseg.annotation.importers.report import ImportReport
from refseg.annotation.importers.session import ImportSession
from refseg.annotation.importers.source import Source
from refseg.annotation.importers.texts import head, read_json
from refseg.errors import DataError

# The first one is read: what this project writes, then the splits that the field reports on.
PREFERENCE = ("expressions.json", "refs(unc).p", "refs(umd).p", "refs(google).p", "refs(berkeley).p")
OWN_PICKLE = "refs(refseg).p"  # the same as expressions.json


def detect(source: Source) -> bool:
    """Whether there are refs in JSON or a pickle beside COCO instances."""
    return bool(_refs_files(source)) and bool(instance_files(source))


def read(source: Source, session: ImportSession) -> None:
    """Expressions are taken as they were typed; refs with "no_target" become no-target entries.

    Raises DataError if there are no refs or instances.
    """
    files = _refs_files(source)
    if not files:
        raise DataError(
            "there is no expressions.json and no refs(NAME).p, as RefCOCO has them: add it, or import the folder as"
            " coco"
        )
    add_refs(source, session, files, _read_refs(source, files[0], session.report), empty_is_no_target=False)


def add_refs(source: Source, session: ImportSession, files: list[str], values: Any, empty_is_no_target: bool) -> None:
    """Add the instances that refs are about.

    files: refs of the data set, of which the first one has the values. Raises DataError.
    """
    if not isinstance(values, list | tuple):
        raise DataError(
            f"{files[0]} has a {type(values).__name__}, expected a list of refs, as the RefCOCO family has them: choose"
            " another file"
        )
    for other in files[1:]:
        session.report.skip("file", f"because the refs of {files[0]} were read instead", other)
    data = instances_beside(source, files[0], session.report)
    refs = parse_refs(list(values), files[0], session.report, empty_is_no_target)
    for instances, expressions in zip(data, expressions_of(refs, data, session.report), strict=True):
        add_images(source, session, instances, expressions)


def instances_beside(source: Source, refs: str, report: ImportReport) -> list[Instances]:
    """The instances that refs are about: instances.json in the same folder, else all in that folder, else all there
    are. Raises DataError.
    """
    files = instance_files(source)
    folder = PurePosixPath(refs).parent
    beside = [file for file in files if PurePosixPath(file).parent == folder]
    named = [file for file in beside if PurePosixPath(file).name.casefold() == "instances.json"]
    return read_instances(source, report, named or beside or files)


def _refs_files(source: Source) -> list[str]:
    """Files with refs, the preferred one first."""
    found = [
        file
        for file in (*source.matching("expressions*.json"), *source.matching("refs(*).json"))
        if _is_list(source, file)
    ]
    pickles = source.matching("refs(*).p")
    if found:
        pickles = [file for file in pickles if PurePosixPath(file).name != OWN_PICKLE]
    return sorted((*found, *pickles), key=lambda file: (_rank(file), file.count("/"), file))


def _rank(file: str) -> int:
    name = PurePosixPath(file).name.casefold()
    return PREFERENCE.index(name) if name in PREFERENCE else len(PREFERENCE)


def _is_list(source: Source, file: str) -> bool:
    return head(source, file, 4096).lstrip().startswith("[")


def _read_refs(source: Source, file: str, report: ImportReport) -> Any:
    if file.casefold().endswith(".json"):
        return read_json(source, file, report)
    try:
        if source.path(file).stat().st_size > MAX_PICKLE_BYTES:
            raise DataError(
                f"{file} has more than {MAX_PICKLE_BYTES:,} bytes, expected the refs of RefCOCO: split the data set"
            )
        return load_plain(source.path(file).read_bytes(), file)
    except OSError as error:
        raise DataError(
            f"{file} cannot be read ({error.strerror or type(error).__name__}), expected the refs of RefCOCO: check it"
        ) from error
