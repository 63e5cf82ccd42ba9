"""gRefCOCO: COCO instances and refs that mean one object, several or none.

Read are grefs(NAME).json, a list of refs whose `ann_id` is a list, [-1] for expressions that name nothing in their
image, and the instances beside it.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from refseg.annotation.importers.coco_files import instance_files
from refseg.annotation.importers.refcoco import add_refs
from refseg.annotation.importers.session import ImportSession
from refseg.annotation.importers.source import Source
from refseg.annotation.importers.texts import read_json
from refseg.annotation.layouts import REFS
from refseg.errors import DataError

PREFERENCE = (REFS, "grefs(unc).json")


def detect(source: Source) -> bool:
    """Whether there are refs of gRefCOCO beside COCO instances."""
    return bool(_refs_files(source)) and bool(instance_files(source))


def read(source: Source, session: ImportSession) -> None:
    """An expression that means several objects is put on each of them.

    Raises DataError if there are no refs or instances.
    """
    files = _refs_files(source)
    if not files:
        raise DataError(
            "there is no grefs(NAME).json, as gRefCOCO has it: add it, or import the folder as refcoco or coco"
        )
    add_refs(source, session, files, read_json(source, files[0], session.report), empty_is_no_target=True)


def _refs_files(source: Source) -> list[str]:
    """Files with refs, the preferred one first."""

    def rank(file: str) -> tuple[int, int, str]:
        name = PurePosixPath(file).name.casefold()
        return PREFERENCE.index(name) if name in PREFERENCE else len(PREFERENCE), file.count("/"), file

    return sorted(source.matching("grefs*.json"), key=rank)
