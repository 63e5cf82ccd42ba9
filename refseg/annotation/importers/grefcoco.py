"""gRefCOCO: COCO instances, and sentences that mean one of them, several, or none.

Written and read are instances.json (COCO), images/ and grefs(NAME).json, a list of refs whose `ann_id` is a list, [-1] for what is not in the picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refseg.annotation.importers.coco import take_picture
from refseg.annotation.layouts import NO_TARGET
from refseg.annotation.progress import Progress, followed, silent
from refseg.annotation.store import Project
from refseg.data.json_entries import read_json
from refseg.data.refcoco import read_instances
from refseg.errors import DataError


def import_grefcoco(root: Path, project: Project, progress: Progress = silent) -> int:
    """Returns the number of masks. A sentence that means several things is put on each of them, sentences about none make a layer that is absent.

    Raises DataError, ImageError or ProjectError.
    """
    dataset = read_instances(root)
    refs_of: dict[int, list[_Ref]] = {}
    for ref in _read_refs(root, {image.id for image in dataset.images}):
        refs_of.setdefault(ref.image_id, []).append(ref)
    count = 0
    for image in followed(dataset.images, progress):
        refs = refs_of.get(image.id, [])
        meant: dict[int, list[str]] = {}
        for ref in refs:
            for annotation in ref.annotations:
                meant.setdefault(annotation, []).extend(ref.texts)
        if strange := meant.keys() - {instance.id for instance in dataset.instances_of(image)}:
            raise DataError(
                f"{root}: a sentence about image {image.id} means the annotation {min(strange)}, which is not one of that image"
            )
        absent = [ref.texts for ref in refs if not ref.annotations]
        split = image.split or next((ref.split for ref in refs if ref.split), "")
        count += take_picture(project, dataset, image, meant, absent, split)
    return count


@dataclass(frozen=True)
class _Ref:
    """Sentences that mean the same annotations of a picture; none for what is not there."""

    image_id: int
    annotations: tuple[int, ...]
    texts: tuple[str, ...]
    split: str


def _read_refs(root: Path, images: set[int]) -> Iterable[_Ref]:
    files = sorted(root.glob("grefs*.json"))
    if len(files) != 1:
        raise DataError(f"{root} has {len(files)} files grefs(NAME).json, expected one: leave the one that is meant")
    values = read_json(files[0])
    if not isinstance(values, list):
        raise DataError(f"{files[0]}: got a JSON {type(values).__name__}, expected a list of refs")
    for position, value in enumerate(values):
        where = f"{files[0]}: refs[{position}]"
        if not isinstance(value, Mapping) or not isinstance(value.get("image_id"), int) or value["image_id"] not in images:
            raise DataError(f"{where} is of no image, expected an object whose image_id is that of one of the images in instances.json")
        annotations, sentences, split = value.get("ann_id"), value.get("sentences"), value.get("split", "")
        if not isinstance(annotations, list) or not all(isinstance(one, int) for one in annotations):
            raise DataError(
                f"{where} has ann_id = {str(annotations)[:80]}, expected a list of the annotations that are meant, [-1] for none"
            )
        texts = [_typed(one) for one in sentences] if isinstance(sentences, list) else []
        if not texts or not all(texts) or not isinstance(split, str):
            raise DataError(f"{where} has no list of sentences, each an object with a text `sent`, or a split that is no text")
        yield _Ref(value["image_id"], tuple(one for one in annotations if one != NO_TARGET), tuple(texts), split)


def _typed(value: Any) -> str:
    """A sentence as it was typed, else cleaned; "" for what is none."""
    texts = (value.get("raw"), value.get("sent")) if isinstance(value, Mapping) else ()
    return next((text for text in texts if isinstance(text, str) and text.strip()), "")
