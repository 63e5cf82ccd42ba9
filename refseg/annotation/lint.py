"""Finds likely mistakes in a project, for users to decide on. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import cv2
import numpy as np

from refseg.annotation.duplicates import DuplicateFinder
from refseg.annotation.project import Project
from refseg.annotation.records import AnnotatedImage, Annotation
from refseg.annotation.side_words import Extent, contradicts, stated_side
from refseg.data.masks import BoolMask, box_of
from refseg.data.scene_cache import PackedMask
from refseg.errors import DataError, ImageError, ProjectError
from refseg.language import words_of
from refseg.mask_iou import iou

Kind = Literal[
    "unreadable",
    "empty mask",
    "no expression",
    "empty expression",
    "no-target with mask",
    "no-target and present",
    "ambiguous expression",
    "duplicate mask",
    "wrong side",
    "specks",
    "duplicate image",
    "not reviewed",
]
KINDS: dict[Kind, str] = {
    "unreadable": "image or mask that cannot be read",
    "empty mask": "object without a mask that is not marked as no-target",
    "no expression": "annotation without an expression",
    "empty expression": "expression without a word",
    "no-target with mask": "no-target annotation with a mask",
    "no-target and present": "expression that is marked as no-target and names an object of the same image",
    "ambiguous expression": "expression that names several objects",
    "duplicate mask": "object with two masks",
    "wrong side": "left and right possibly swapped",
    "specks": "mask with small specks",
    "duplicate image": "duplicate image",
    "not reviewed": "image that is not reviewed yet",
}
DUPLICATE_IOU = 0.9  # from which two masks are of one object
SPECK = 1e-4  # share of the image below which a piece of a mask is a speck, if another piece has ten times that size
MAX_SPECKS = 4

Found = tuple[Kind, tuple[str, ...], str]
"""Kind, ids of annotations and text of a finding."""


@dataclass(frozen=True, order=True)
class Finding:
    """A likely mistake.

    image: name of the image.  annotations: ids of those concerned; empty if it is about the image.
    text: what is wrong and what to do.
    """

    image: str
    kind: Kind
    annotations: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class _Object:
    """An annotation with a mask of at least one pixel, and what is needed to compare its mask with others.

    area: in pixels.  specks: number of pieces below SPECK.
    """

    annotation: Annotation
    mask: PackedMask
    area: int
    extent: Extent
    specks: int


def lint(project: Project, progress: Callable[[int, int], None] | None = None) -> list[Finding]:
    """All findings about images that are not skipped, sorted. Raises ProjectError.

    progress: called with (images done, images in all); an exception that it raises ends the search.

    Masks of one image at a time are in memory, each decoded once. An image is decoded only if another has its size.
    """
    summaries, duplicates = project.summaries, DuplicateFinder()
    findings = [
        Finding(name, "unreadable", (), f"The record is damaged: {text}") for name, text in project.damaged.items()
    ]
    for done, summary in enumerate(summaries, start=1):
        if summary.state != "skipped":
            record = project.record(summary.name)
            findings += [*lint_record(record), *_image_findings(project, record, duplicates)]
        if progress is not None:
            progress(done, len(summaries))
    return sorted(findings)


def lint_record(record: AnnotatedImage) -> list[Finding]:
    """Findings that need no pixels of the image, sorted."""
    found: list[Found] = []
    objects: list[_Object] = []
    for annotation in record.annotations:
        try:
            object_ = _object_of(annotation)
        except DataError as error:
            found.append(("unreadable", (annotation.id,), f"The mask of {_label(annotation)} cannot be read: {error}"))
            continue
        if object_ is not None and not annotation.no_target:
            objects.append(object_)
        found += [(kind, (annotation.id,), text) for kind, text in _annotation_findings(annotation, object_)]
    found += [
        *_duplicate_masks(objects),
        *_wrong_sides(objects),
        *_conflicting_expressions(record.annotations, objects),
    ]
    if record.state == "new":
        found.append(("not reviewed", (), "The image is new. Annotate it, and accept or skip it."))
    elif record.state == "model":
        found.append(("not reviewed", (), "The model's masks are not reviewed. Accept or skip the image."))
    return sorted(Finding(record.name, kind, ids, text) for kind, ids, text in found)


def summarize(findings: Sequence[Finding]) -> list[str]:
    """One line for each kind that occurs, in the order of `KINDS`: how often, and the first finding."""
    lines = []
    for kind, title in KINDS.items():
        cases = [finding for finding in findings if finding.kind == kind]
        if cases:
            lines.append(f"{len(cases)} x {title}, first {cases[0].image}: {cases[0].text}")
    return lines


def _object_of(annotation: Annotation) -> _Object | None:
    """None for an annotation without a mask or with an empty one. Raises DataError for damaged run lengths."""
    mask = annotation.decode_mask()
    box = None if mask is None else box_of(mask)
    if mask is None or box is None:
        return None
    left, top, right, bottom = box
    inner, width = mask[top:bottom, left:right], mask.shape[1]
    area = int(np.count_nonzero(inner))
    center = float(inner.sum(axis=0) @ (np.arange(left, right) + 0.5)) / area
    extent = Extent(left / width, center / width, right / width)
    return _Object(annotation, PackedMask.of(mask), area, extent, _count_specks(inner, mask.size))


def _count_specks(mask: BoolMask, pixels: int) -> int:
    """Pieces of a mask below `SPECK` of an image of so many pixels; 0 if no piece is large."""
    _, _, statistics, _ = cv2.connectedComponentsWithStats(np.ascontiguousarray(mask).view(np.uint8), connectivity=8)
    areas = statistics[1:, cv2.CC_STAT_AREA]
    return int((areas < SPECK * pixels).sum()) if areas.max() >= 10 * SPECK * pixels else 0


def _annotation_findings(annotation: Annotation, object_: _Object | None) -> Iterator[tuple[Kind, str]]:
    label = _label(annotation)
    if annotation.no_target and object_ is not None:
        yield "no-target with mask", f"{label} is marked as no-target but has a mask. Remove the mark or the mask."
    if not annotation.no_target and object_ is None:
        yield "empty mask", f"{label} has no mask. Draw it, mark the expression as no-target, or delete the annotation."
    if not annotation.expressions:
        yield "no expression", f"{label} has no expression. Write one, or delete the annotation."
    for text in annotation.expressions:
        if not words_of(text):
            yield (
                "empty expression",
                f"{label} has the expression {text[:40]!r}, which has no word. Write one, or delete the expression.",
            )
    if object_ is not None and object_.specks > MAX_SPECKS:
        yield "specks", f"The mask of {label} has {object_.specks} specks. Remove small pieces."


def _duplicate_masks(objects: Sequence[_Object]) -> Iterator[Found]:
    for one, other in combinations(objects, 2):
        if _is_same(one, other):
            text = (
                f"{_label(one.annotation)} and {_label(other.annotation)} have nearly the same mask."
                " Move the expressions to one of them and delete the other."
            )
            yield "duplicate mask", (one.annotation.id, other.annotation.id), text


def _is_same(one: _Object, other: _Object) -> bool:
    """Whether the IoU is at least DUPLICATE_IOU. Masks are unpacked only if areas and boxes allow that."""
    width, height = (
        max(0, min(one.mask.box[k + 2], other.mask.box[k + 2]) - max(one.mask.box[k], other.mask.box[k]))
        for k in (0, 1)
    )
    most = min(one.area, other.area, width * height)
    return (
        most >= DUPLICATE_IOU * (one.area + other.area - most)
        and iou(one.mask.unpack(), other.mask.unpack()) >= DUPLICATE_IOU
    )


def _conflicting_expressions(annotations: Sequence[Annotation], objects: Sequence[_Object]) -> Iterator[Found]:
    """Expressions, compared by their words, that name several objects, or an object and no target."""
    named: dict[str, list[_Object]] = {}
    for object_ in objects:
        for words in _wordings(object_.annotation):
            named.setdefault(words, []).append(object_)
    for words, several in named.items():
        if any(not _is_same(one, other) for one, other in combinations(several, 2)):
            text = (
                f'"{words}" names {len(several)} objects. Make the expressions specific, or leave it if it means all of'
                " them."
            )
            yield "ambiguous expression", tuple(object_.annotation.id for object_ in several), text
    for annotation in annotations:
        for words in _wordings(annotation) if annotation.no_target else ():
            if words in named:
                text = f'"{words}" is marked as no-target, but an object has this expression. Correct one of the two.'
                yield (
                    "no-target and present",
                    (annotation.id, *(object_.annotation.id for object_ in named[words])),
                    text,
                )


def _wordings(annotation: Annotation) -> list[str]:
    """The expressions as the tokenizer reads them, each once, without those that have no word."""
    return list(dict.fromkeys(" ".join(words) for text in annotation.expressions if (words := words_of(text))))


def _wrong_sides(objects: Sequence[_Object]) -> Iterator[Found]:
    for object_ in objects:
        category = _category_key(object_.annotation)
        similar = [one.extent for one in objects if one is not object_ and _category_key(one.annotation) == category]
        for expression in object_.annotation.expressions:
            stated = stated_side(expression)
            if stated is not None and contradicts(stated, object_.extent, similar):
                side = "right" if stated.side == "left" else "left"
                place = f"the {side}most of its category" if similar else f"on the {side} of the image"
                text = (
                    f'"{expression[:80]}" says {stated.side}, but its mask is {place}. Check the object, and whether'
                    " the image is mirrored."
                )
                yield "wrong side", (object_.annotation.id,), text


def _category_key(annotation: Annotation) -> str:
    return " ".join(annotation.category.casefold().split())


def _image_findings(project: Project, record: AnnotatedImage, duplicates: DuplicateFinder) -> Iterator[Finding]:
    try:
        original = duplicates.duplicate_of(record.name, project.image_path(record), (record.height, record.width))
    except (ImageError, ProjectError, OSError) as error:
        yield Finding(record.name, "unreadable", (), f"The image cannot be read: {error}")
        return
    if original is not None:
        yield Finding(record.name, "duplicate image", (), f"The image equals {original}. Skip or remove one.")


def _label(annotation: Annotation) -> str:
    """How a message names an annotation: by its first expression, otherwise its category, otherwise its id."""
    expression = next((text for text in annotation.expressions if text.strip()), "")
    if expression:
        return f'"{expression[:80]}"'
    return f"The {annotation.category[:80]} ({annotation.id})" if annotation.category else f"Mask {annotation.id}"
