"""Folders of images and of masks with the same names, without a list that says what the masks are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from refseg.annotation.importers.mask_images import LabelImage, object_numbers, read_binary_mask, read_label_image
from refseg.annotation.importers.objects import ImportedObject
from refseg.annotation.importers.session import ImportSession
from refseg.annotation.importers.source import Source
from refseg.annotation.importers.split_folders import split_of_folders
from refseg.annotation.layouts import VOC_VOID
from refseg.annotation.names import name_key
from refseg.annotation.progress import with_progress
from refseg.errors import DataError

MASK_FOLDERS = ("masks", "mask", "masks_png", "groundtruth", "ground_truth", "gt")
IMAGE_FOLDERS = ("images", "image", "imgs", "img", "jpegimages")
_MASK_ENDINGS = ("", "_mask", "-mask", "_masks", "_gt", "_label", "_labels")
_OTHER_SPLITS = {"training": "train"}
MAX_NUMBERS = 500  # objects of one mask


@dataclass(frozen=True)
class Pair:
    """An image and its masks.

    is_folder: whether each mask is an object, as in masks/NAME/*.png.  is_guess: whether they have other names than
    the image and belong to it only because there is no other.
    """

    image: str
    masks: tuple[str, ...]
    is_folder: bool = False
    is_guess: bool = False


def find_pairs(source: Source) -> list[Pair]:
    """Images with masks under the same path, but for the folder's name and an ending such as _mask. Images without
    masks are among them if any has one."""
    masks = {file for file in source.images() if _is_in(file, MASK_FOLDERS)}
    by_key: dict[str, list[str]] = {}
    for file in sorted(masks):
        path = PurePosixPath(_without(file, MASK_FOLDERS))
        by_key.setdefault(name_key(path.with_suffix("").as_posix()), []).append(file)
        by_key.setdefault(f"{name_key(path.parent.as_posix())}/", []).append(file)
    rest = [file for file in source.images() if file not in masks]
    images = [file for file in rest if _is_in(file, IMAGE_FOLDERS) or "/" not in file]
    neighbors = Counter(PurePosixPath(image).parent for image in images)
    pairs = []
    for image in images:
        place = PurePosixPath(_without(image, IMAGE_FOLDERS))
        name = place.with_suffix("").as_posix()
        single = [found for ending in _MASK_ENDINGS for found in by_key.get(name_key(f"{name}{ending}"), [])]
        several = [found for one in (name, place.as_posix()) for found in by_key.get(f"{name_key(one)}/", [])]
        is_guess = False
        if not single and not several and neighbors[PurePosixPath(image).parent] == 1 and _is_in(image, IMAGE_FOLDERS):
            several = by_key.get(
                f"{name_key(place.parent.as_posix())}/", []
            )  # the only image of a folder for itself, as in ID/images and ID/masks
            is_guess = place.parent == PurePosixPath()  # without the folder ID, one file more would change it
        pairs.append(Pair(image, tuple(single or several), not single and bool(several), is_guess))
    return pairs if any(pair.masks for pair in pairs) else []


def read_pairs(pairs: list[Pair], source: Source, session: ImportSession) -> None:
    """Add the images with the objects of their masks; masks without an image are counted."""
    for pair in with_progress(pairs, session.progress):
        _add(pair, source, session)
    used = {mask for pair in pairs for mask in pair.masks} | {pair.image for pair in pairs}
    for file in source.images():
        if file not in used:
            is_mask = _is_in(file, MASK_FOLDERS)
            reason = "that no image of images/ belongs to" if is_mask else "outside images/"
            session.report.skip("mask file" if is_mask else "image", reason, file)


def _add(pair: Pair, source: Source, session: ImportSession) -> None:
    def objects(height: int, width: int) -> Iterator[ImportedObject]:
        for file in pair.masks:
            if pair.is_guess:
                session.report.alter(
                    "mask file", f"of another name than the only image, {pair.image}, to which it was given", file
                )
            yield from _single(file, source, session) if pair.is_folder else _one_or_several(file, source, session)

    split = split_of_folders(pair.image, _OTHER_SPLITS)
    session.add_image(source.path(pair.image), objects, where=pair.image, original_name=pair.image, split=split)


def _single(file: str, source: Source, session: ImportSession) -> Iterator[ImportedObject]:
    try:
        mask = read_binary_mask(source.path(file))
    except DataError as error:
        yield ImportedObject(file, problem=f"with a mask that {error}")
        return
    if mask.note:
        session.report.alter("object", f"with a mask: {mask.note}", file)
    yield ImportedObject(file, mask=mask.pixels)


def _one_or_several(file: str, source: Source, session: ImportSession) -> Iterator[ImportedObject]:
    """The one object of a mask of two values; otherwise an object for each number or color."""
    try:
        mask = read_binary_mask(source.path(file))
    except DataError as error:
        numbers = _numbers(file, source)
        if numbers is None:
            yield ImportedObject(file, problem=f"with a mask that {error}")
            return
    else:
        if mask.note:
            session.report.alter("object", f"with a mask: {mask.note}", file)
        yield ImportedObject(file, mask=mask.pixels)
        return
    image, known = numbers
    session.report.alter("mask file", "read as one object for each of its values", file)
    if VOC_VOID not in known and (image.numbers == VOC_VOID).any():
        session.report.alter("mask file", "without its pixels of 255, which are a border or left open", file)
    for number in known:
        own_id = image.text(number) if image.meaning == "order" else number
        yield ImportedObject(f"{file}: {image.text(number)}", mask=image.numbers == number, original_id=own_id)


def _numbers(file: str, source: Source) -> tuple[LabelImage, list[int]] | None:
    """The numbers of a mask of several objects; None if it is no such mask."""
    try:
        image = read_label_image(source.path(file))
    except DataError:
        return None
    known = object_numbers(image.numbers)
    has_background = bool((image.numbers == 0).any())
    return (image, known) if 0 < len(known) <= MAX_NUMBERS and (has_background or len(known) > 1) else None


def _is_in(file: str, folders: tuple[str, ...]) -> bool:
    return any(part.casefold() in folders for part in PurePosixPath(file).parts[:-1])


def _without(file: str, folders: tuple[str, ...]) -> str:
    """A path without the last folder of some names."""
    parts = list(PurePosixPath(file).parts)
    for position in reversed(range(len(parts) - 1)):
        if parts[position].casefold() in folders:
            return "/".join(parts[:position] + parts[position + 1 :])
    return file
