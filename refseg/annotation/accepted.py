"""The accepted pictures of a project as a data set: one part to train on, one held back to measure with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
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

HELD_BACK = 0.2
LEAST = 5  # pictures with something drawn and said
TRAINED_ON = ("", "train")  # splits
SEVERAL = "several things"  # a category


def export_accepted(project: Project, folder: Path, progress: Callable[[int, int], None] | None = None) -> ExportReport:
    """Write the accepted pictures into a new or empty folder, in the layout of `refseg.data.refcoco` with the splits "train" and "val" (see `held_back`).

    Returned is what was written and what was left out: images that are not accepted, and damaged records.

    Sentences that mean several things of a picture mean all of them together; those of no_target things mean nothing; those without a word are left out.
    The frames of one clip are all in one split. progress(done, pictures) is called after each. Raises ProjectError where fewer than `LEAST` accepted
    pictures have a mask and a sentence, where all of these are frames of one clip, or a mask cannot be read, ImageError where a picture is gone.
    """
    report = ExportReport("refcoco")
    for name, reason in project.damaged.items():
        report.skip("image", "its record is damaged", f"{name}: {reason}")
    names = [entry.name for entry in project.summaries if entry.state == "accepted"]
    if others := len(project.summaries) - len(names):
        report.skip("image", "not accepted", count=others)
    told = [
        (_group(record), record.split)
        for record in map(project.record, names)
        if any(_is_told(annotation) for annotation in record.annotations)
    ]
    if len(told) < LEAST:
        raise ProjectError(
            f"{project.folder} has {len(told)} accepted pictures with a mask and a sentence, expected at least {LEAST}, to train on and to measure "
            f"with: accept more"
        )
    groups = _splits_of_groups(told)
    if len(groups) == 1:
        raise ProjectError(
            f"{project.folder} has accepted pictures of the clip {told[0][0]!r} alone, expected another clip or a picture beside it, as the frames of "
            f"one clip are too much alike to be trained on and measured with: accept something else, too"
        )
    back, values = held_back(groups), _Values()
    with open_output(folder) as output:
        for done, name in enumerate(names, start=1):
            record = project.record(name)
            values.add_image(record, "val" if _group(record) in back else "train")
            output.copy(f"images/{name}", project.image_path(record))
            if progress is not None:
                progress(done, len(names))
        write_json(output, "instances.json", values.instances())
        write_json(output, "expressions.json", values.refs)
    report.images, report.objects = (
        len(values.images),
        sum(row["category_id"] != values.categories.get(SEVERAL) for row in values.annotations),
    )
    report.expressions = sum(len(ref["sentences"]) for ref in values.refs)
    report.no_target = sum(ref.get("no_target", False) for ref in values.refs)
    return report


def held_back(splits: Mapping[str, str]) -> frozenset[str]:
    """Which of {clip, or picture that is no frame: split} are measured with and never trained on.

    Those whose split says that they are not for training; where none does, those whose name has a hash in the lowest `HELD_BACK` of all hashes, so that
    a picture stays where it is when others are added; one at least, half of all at most.
    """
    kept_apart = frozenset(name for name, split in splits.items() if split not in TRAINED_ON)
    if kept_apart and len(kept_apart) < len(splits):
        return kept_apart
    place = {name: int.from_bytes(hashlib.sha256(name.encode("utf-8")).digest()[:8], "big") / 2**64 for name in splits}
    count = min(max(1, sum(share < HELD_BACK for share in place.values())), len(splits) // 2)
    return frozenset(sorted(splits, key=lambda name: (place[name], name))[:count])


def _group(record: AnnotatedImage) -> str:
    """What a picture is held back with: its clip, as the frames of one hardly differ; itself where it is no frame."""
    return record.clip or record.name


def _splits_of_groups(told: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Of (group, split) pairs; a group with one picture that is not for training is not for training."""
    splits: dict[str, str] = {}
    for group, split in told:
        if splits.get(group, "") in TRAINED_ON:
            splits[group] = split
    return splits


@dataclass
class _Values:
    """instances.json and expressions.json as they grow."""

    images: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    refs: list[dict[str, Any]] = field(default_factory=list)
    categories: dict[str, int] = field(default_factory=dict)

    def add_image(self, record: AnnotatedImage, split: str) -> None:
        """A picture, what is drawn in it and what is said of it."""
        number = len(self.images) + 1
        self.images.append({"id": number, "file_name": record.name, "width": record.width, "height": record.height, "split": split})
        masks = {annotation.id: mask for annotation in record.annotations if (mask := _mask(record, annotation)) is not None}
        wording = {said: text for annotation in record.annotations for said, text in _sentences(annotation).items()}
        meant: dict[str, tuple[str, ...]] = {}  # words -> ids of the annotations
        for annotation in record.annotations:
            for said in _sentences(annotation) if annotation.id in masks else ():
                meant[said] = (*meant.get(said, ()), annotation.id)
        for annotation in record.annotations:
            if annotation.id in masks:
                alone = [wording[said] for said, ids in meant.items() if ids == (annotation.id,)]
                self._add_thing(masks[annotation.id], annotation.category or UNNAMED, alone)
        for several in dict.fromkeys(ids for ids in meant.values() if len(ids) > 1):
            together: BoolMask = np.logical_or.reduce([masks[id_] for id_ in several])
            self._add_thing(together, SEVERAL, [wording[said] for said, ids in meant.items() if ids == several])
        no_target = {
            said: text
            for annotation in record.annotations
            if annotation.no_target
            for said, text in _sentences(annotation).items()
            if said not in meant
        }
        if no_target:
            self._say(list(no_target.values()), no_target=True)

    def _add_thing(self, mask: BoolMask, category: str, sentences: Sequence[str]) -> None:
        number = len(self.annotations) + 1
        category_id = self.categories.setdefault(category, len(self.categories) + 1)
        values = {"id": number, "image_id": len(self.images), "category_id": category_id, "segmentation": encode_rle(mask), "iscrowd": 0}
        self.annotations.append(values)
        if sentences:
            self._say(sentences, ann_id=number)

    def _say(self, sentences: Sequence[str], **about: Any) -> None:
        image = self.images[-1]
        said = [{"sent": text} for text in sentences]
        self.refs.append({"ref_id": len(self.refs) + 1, "image_id": image["id"], "split": image["split"], "sentences": said, **about})

    def instances(self) -> dict[str, Any]:
        """What instances.json holds."""
        categories = [{"id": number, "name": name} for name, number in self.categories.items()]
        return {"images": self.images, "annotations": self.annotations, "categories": categories}


def _is_told(annotation: Annotation) -> bool:
    return annotation.mask is not None and not annotation.no_target and bool(_sentences(annotation))


def _sentences(annotation: Annotation) -> dict[str, str]:
    """By their words, as the tokeniser reads them; those without any are left out."""
    return {" ".join(words): text for text in annotation.expressions if (words := words_of(text))}


def _mask(record: AnnotatedImage, annotation: Annotation) -> BoolMask | None:
    """What is drawn, None for nothing."""
    if annotation.no_target:
        return None
    try:
        mask = annotation.decode_mask()
    except DataError as error:
        raise ProjectError(f"a mask of {record.name} is damaged: {error}") from error
    return mask if mask is not None and mask.any() else None
