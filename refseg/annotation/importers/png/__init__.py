"""Masks as image files: our own layout with a list of masks, or folders of images and masks with the same names.

images/NAME.jpg  masks/NAME/000.png  masks.json     a list of {"image", "mask", "category", "absent", "expressions",
"split"}, one a mask images/NAME.jpg  masks/NAME.png                     without a list: one mask an image, or a number
or color for each object images/NAME.jpg  masks/NAME/*.png                   without a list: one mask an object
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from refseg.annotation.importers.image_keys import image_keys
from refseg.annotation.importers.mask_images import read_binary_mask
from refseg.annotation.importers.objects import ImportedObject
from refseg.annotation.importers.png.folders import find_pairs, read_pairs
from refseg.annotation.importers.reasons import reason_of
from refseg.annotation.importers.session import ImportSession
from refseg.annotation.importers.source import Source
from refseg.annotation.importers.texts import read_json
from refseg.annotation.importers.values import text, texts
from refseg.annotation.layouts import PNG_IMAGES, PNG_LIST
from refseg.annotation.progress import with_progress
from refseg.errors import DataError


def detect(source: Source) -> bool:
    """Whether there is our list of masks, or a folder of masks beside one of images."""
    return bool(source.matching(PNG_LIST)) or bool(find_pairs(source))


def read(source: Source, session: ImportSession) -> None:
    """All masks of the lists, and all images beside them; without a list, all pairs of images and masks. Raises
    DataError if there are neither."""
    lists = source.matching(PNG_LIST)
    if not lists:
        pairs = find_pairs(source)
        if not pairs:
            raise DataError(
                f"the data set has no {PNG_LIST} and no folder masks/ with the names of images/, expected one of them: "
                "choose another format"
            )
        read_pairs(pairs, source, session)
        return
    rows: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    keys: dict[str, Mapping[str, Any]] = {}
    for file in lists:
        _collect(file, source, session, rows)
        for image in source.images((PurePosixPath(file).parent / "images").as_posix().removeprefix("./")):
            rows.setdefault(image, [])
        keys.update(_image_keys(file, source, session))
    for image, entries in with_progress(rows.items(), session.progress):
        _add(image, entries, keys.get(image, {}), source, session)


def _collect(
    file: str, source: Source, session: ImportSession, rows: dict[str, list[tuple[str, Mapping[str, Any]]]]
) -> None:
    """Add the entries of a list to those of their images, each with its place in the list."""
    values = read_json(source, file, session.report)
    if not isinstance(values, list):
        raise DataError(
            f"{file} is not a list of masks, expected [{{'image': ..., 'mask': ...}}, ...]: choose another format"
        )
    for position, row in enumerate(values):
        where = f"{file}[{position}]"
        if not isinstance(row, dict) or not isinstance(row.get("image"), str):
            session.report.skip("entry", "that names no image", where)
        elif (image := source.find(row["image"], PurePosixPath(file).parent.as_posix())) is None:
            session.report.skip("entry", "whose image is not in the data set", f"{where}: {row['image'][:200]}")
        else:
            rows.setdefault(image, []).append((where, row))


def _image_keys(file: str, source: Source, session: ImportSession) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What images.json beside a list of masks says of each image."""
    folder = PurePosixPath(file).parent.as_posix()
    beside = source.find(PNG_IMAGES, folder)
    if beside is None:
        return
    try:
        values = read_json(source, beside, session.report)
    except DataError as error:
        session.report.skip("file", reason_of(error, beside), beside)
        return
    for position, row in enumerate(values if isinstance(values, list) else []):
        name = row.get("image") if isinstance(row, dict) else None
        image = source.find(name, folder) if isinstance(name, str) else None
        if image is None:
            session.report.skip("entry", "that names no image", f"{beside}[{position}]")
        else:
            yield image, row


def _add(
    image: str,
    entries: list[tuple[str, Mapping[str, Any]]],
    keys: Mapping[str, Any],
    source: Source,
    session: ImportSession,
) -> None:
    def objects(height: int, width: int) -> Iterator[ImportedObject]:
        for where, row in entries:
            expressions = texts(row.get("expressions"))
            if expressions is None:
                session.report.skip("expression list", "that is not a list of texts", where)
            found = ImportedObject(where, expressions=expressions or [], category=text(row.get("category")))
            if row.get("absent") is True:
                yield replace(found, no_target=True)
            else:
                yield _with_mask(found, row.get("mask"), source, session)

    split = next((found for _, row in entries if (found := text(row.get("split")))), "")
    stated = image_keys({"split": split, **keys})
    session.add_image(source.path(image), objects, where=image, original_name=image, **stated)


def _with_mask(found: ImportedObject, name: Any, source: Source, session: ImportSession) -> ImportedObject:
    """The object with the mask in a file; with its problem if there is none."""
    where = found.where
    folder = PurePosixPath(where.partition("[")[0]).parent.as_posix()
    file = source.find(name, folder) if isinstance(name, str) else None
    if file is None:
        return replace(found, problem="whose mask is not in the data set" if name else "without a mask")
    try:
        mask = read_binary_mask(source.path(file))
    except DataError as error:
        return replace(found, where=f"{where}: {file}", problem=f"with a mask that {error}")
    if mask.note:
        session.report.alter("object", f"with a mask: {mask.note}", f"{where}: {file}")
    return replace(found, mask=mask.pixels)
