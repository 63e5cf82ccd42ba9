"""The accepted images of a project as a data set with two splits: one for training, one held back for evaluation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from refseg.annotation.export_output import open_output, write_json
from refseg.annotation.exporters.report import ExportReport
from refseg.annotation.layouts import UNNAMED
from refseg.annotation.project import Project
from refseg.annotation.records import AnnotatedImage, Annotation
from refseg.data.masks import BoolMask, encode_rle
from refseg.errors import DataError, ProjectError
from refseg.language import words_of

HELD_BACK = 0.2  # share of the groups
MIN_IMAGES = 5  # with a mask and an expression
TRAINING_SPLITS = ("", "train")
SEVERAL = "several objects"  # category of the union of objects that one expression names


def export_accepted(project: Project, folder: Path, progress: Callable[[int, int], None] | None = None) -> ExportReport:
    """Writes the accepted images into a new or empty folder, in the layout of `refseg.data.refcoco` with the splits
    "train" and "val" (see `held_back`). Returns what was written and what was left out.

    An expression that names several objects of an image refers to their union. An expression of a no-target annotation
    refers to nothing. Expressions without a word are left out. All frames of a video are in one split. progress: called
    with (images done, images in all). Raises ProjectError if fewer than MIN_IMAGES accepted images have a mask and an
    expression, if all of these are frames of one video, or if a mask is damaged; ImageError if an image is missing.
    """
    report = ExportReport("refcoco")
    for name, reason in project.damaged.items():
        report.skip("image", "its record is damaged", f"{name}: {reason}")
    names = [summary.name for summary in project.summaries if summary.state == "accepted"]
    if others := len(project.summaries) - len(names):
        report.skip("image", "not accepted", count=others)
    back, tables = held_back(_usable_groups(project, names)), _Tables()
    with open_output(folder) as output:
        for done, name in enumerate(names, start=1):
            record = project.record(name)
            tables.add_image(record, "val" if _group_of(record) in back else "train")
            output.copy(f"images/{name}", project.image_path(record))
            if progress is not None:
                progress(done, len(names))
        write_json(output, "instances.json", tables.instances())
        write_json(output, "expressions.json", tables.refs)
    report.images = len(tables.images)
    report.objects = sum(row["category_id"] != tables.categories.get(SEVERAL) for row in tables.annotations)
    report.expressions = sum(len(ref["sentences"]) for ref in tables.refs)
    report.no_target = sum(ref.get("no_target", False) for ref in tables.refs)
    return report


def held_back(splits: Mapping[str, str]) -> frozenset[str]:
    """The groups that are held back for evaluation.

    splits: group -> split, where a group is a video, or an image that is no frame.

    Groups whose split is not for training are held back. If there are none, those whose names have the lowest hashes
    are: a share of HELD_BACK, at least one group and at most half of them. A group stays in its part when others are
    added.
    """
    not_for_training = frozenset(name for name, split in splits.items() if split not in TRAINING_SPLITS)
    if not_for_training and len(not_for_training) < len(splits):
        return not_for_training
    hashes = {name: int.from_bytes(hashlib.sha256(name.encode("utf-8")).digest()[:8], "big") / 2**64 for name in splits}
    count = min(max(1, sum(share < HELD_BACK for share in hashes.values())), len(splits) // 2)
    return frozenset(sorted(splits, key=lambda name: (hashes[name], name))[:count])


def _usable_groups(project: Project, names: Sequence[str]) -> dict[str, str]:
    """The split of each group that has a usable image. One image that is not for training decides for its group.

    Raises ProjectError if there are too few images or groups.
    """
    usable = [record for record in map(project.record, names) if any(map(_is_usable, record.annotations))]
    if len(usable) < MIN_IMAGES:
        raise ProjectError(
            f"{project.folder} has {len(usable)} accepted images with a mask and an expression."
            f" Expected at least {MIN_IMAGES}, for training and evaluation. Accept more images."
        )
    splits: dict[str, str] = {}
    for record in usable:
        group = _group_of(record)
        if splits.get(group, "") in TRAINING_SPLITS:
            splits[group] = record.split
    if len(splits) == 1:
        raise ProjectError(
            f"{project.folder} has only accepted frames of the video {usable[0].clip!r}. Expected another video or"
            " image, because frames of one video are too similar for training and evaluation. Accept other images,"
            " too."
        )
    return splits


def _group_of(record: AnnotatedImage) -> str:
    """The group that an image is held back with: its video, or the image itself if it is no frame."""
    return record.clip or record.name


@dataclass
class _Tables:
    """Contents of instances.json and expressions.json, image by image."""

    images: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    refs: list[dict[str, Any]] = field(default_factory=list)
    categories: dict[str, int] = field(default_factory=dict)

    def add_image(self, record: AnnotatedImage, split: str) -> None:
        """Adds an image with its objects and expressions."""
        number = len(self.images) + 1
        self.images.append(
            {"id": number, "file_name": record.name, "width": record.width, "height": record.height, "split": split}
        )
        masks = {
            annotation.id: mask
            for annotation in record.annotations
            if (mask := _drawn_mask(record, annotation)) is not None
        }
        texts = {words: text for annotation in record.annotations for words, text in _expressions(annotation).items()}
        named: dict[str, tuple[str, ...]] = {}  # words of an expression -> ids of the annotations that it names
        for annotation in record.annotations:
            for words in _expressions(annotation) if annotation.id in masks else ():
                named[words] = (*named.get(words, ()), annotation.id)
        for annotation in record.annotations:
            if annotation.id in masks:
                own = [texts[words] for words, ids in named.items() if ids == (annotation.id,)]
                self._add_object(masks[annotation.id], annotation.category or UNNAMED, own)
        for several in dict.fromkeys(ids for ids in named.values() if len(ids) > 1):
            union: BoolMask = np.logical_or.reduce([masks[id_] for id_ in several])
            self._add_object(union, SEVERAL, [texts[words] for words, ids in named.items() if ids == several])
        without_target = {
            words: text
            for annotation in record.annotations
            if annotation.no_target
            for words, text in _expressions(annotation).items()
            if words not in named
        }
        if without_target:
            self._add_ref(list(without_target.values()), no_target=True)

    def _add_object(self, mask: BoolMask, category: str, expressions: Sequence[str]) -> None:
        number = len(self.annotations) + 1
        category_id = self.categories.setdefault(category, len(self.categories) + 1)
        values = {
            "id": number,
            "image_id": len(self.images),
            "category_id": category_id,
            "segmentation": encode_rle(mask),
            "iscrowd": 0,
        }
        self.annotations.append(values)
        if expressions:
            self._add_ref(expressions, ann_id=number)

    def _add_ref(self, expressions: Sequence[str], **keys: Any) -> None:
        image = self.images[-1]
        sentences = [{"sent": text} for text in expressions]
        self.refs.append(
            {
                "ref_id": len(self.refs) + 1,
                "image_id": image["id"],
                "split": image["split"],
                "sentences": sentences,
                **keys,
            }
        )

    def instances(self) -> dict[str, Any]:
        """The contents of instances.json."""
        categories = [{"id": number, "name": name} for name, number in self.categories.items()]
        return {"images": self.images, "annotations": self.annotations, "categories": categories}


def _is_usable(annotation: Annotation) -> bool:
    return annotation.mask is not None and not annotation.no_target and bool(_expressions(annotation))


def _expressions(annotation: Annotation) -> dict[str, str]:
    """Expressions by their words as the tokenizer reads them, without those that have none."""
    return {" ".join(words): text for text in annotation.expressions if (words := words_of(text))}


def _drawn_mask(record: AnnotatedImage, annotation: Annotation) -> BoolMask | None:
    """The mask (H, W); None without a target, without a mask, or for an empty one."""
    if annotation.no_target:
        return None
    try:
        mask = annotation.decode_mask()
    except DataError as error:
        raise ProjectError(
            f"A mask of {record.name} is damaged ({error}). Expected COCO run lengths. Draw it again."
        ) from error
    return mask if mask is not None and mask.any() else None
