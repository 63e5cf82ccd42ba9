"""What in a project looks like a mistake: told to a person, who decides. Nothing here changes or refuses anything."""

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
from refseg.data.store import PackedMask
from refseg.errors import DataError, ImageError, ProjectError
from refseg.language import words_of
from refseg.overlap import iou

Kind = Literal[
    "unreadable",
    "empty mask",
    "no sentence",
    "empty sentence",
    "absent with mask",
    "absent and present",
    "same sentence",
    "drawn twice",
    "wrong side",
    "crumbs",
    "same picture",
    "not looked at",
]
KINDS: dict[Kind, str] = {
    "unreadable": "that cannot be read",
    "empty mask": "without a mask, not marked absent",
    "no sentence": "without a sentence",
    "empty sentence": "with a sentence that has no word",
    "absent with mask": "marked no_target, with a mask",
    "absent and present": "said to be no_target and drawn",
    "same sentence": "several things for one sentence",
    "drawn twice": "the same thing drawn twice",
    "wrong side": "left and right perhaps swapped",
    "crumbs": "tiny specks in a mask",
    "same picture": "a picture that comes twice",
    "not looked at": "not looked at yet",
}
SAME_THING = 0.9  # IoU from which two masks are one thing drawn twice
SPECK = 1e-4  # share of the picture below which a piece of a mask is a speck, beside one of ten times that size
MANY_SPECKS = 5


@dataclass(frozen=True, order=True)
class Finding:
    """Something to look at.  picture: its name.  annotations: ids of those concerned, none where it is about the picture.  text: for a person."""

    picture: str
    kind: Kind
    annotations: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class _Thing:
    """A annotation with a mask that is not empty: what is needed of the mask to compare it with others."""

    annotation: Annotation
    mask: PackedMask
    area: int
    extent: Extent
    specks: int


def lint(project: Project, progress: Callable[[int, int], None] | None = None) -> list[Finding]:
    """Everything about the pictures that are not skipped, sorted. progress(done, pictures) is called after each; what it raises ends the search.

    Every mask is decoded once and one picture's are held at a time; pictures are decoded only where others have their size. Raises ProjectError.
    """
    entries, seen = project.summaries, DuplicateFinder()
    findings = [Finding(name, "unreadable", (), f"its record is left out: {text}") for name, text in project.damaged.items()]
    for done, entry in enumerate(entries, start=1):
        if entry.state != "skipped":
            record = project.record(entry.name)
            findings += [*lint_record(record), *_picture_findings(project, record, seen)]
        if progress is not None:
            progress(done, len(entries))
    return sorted(findings)


def lint_record(record: AnnotatedImage) -> list[Finding]:
    """What can be said of one picture without the picture itself, sorted."""
    findings, things = [], []
    for annotation in record.annotations:
        try:
            thing = _thing(annotation)
        except DataError as error:
            findings.append(
                Finding(record.name, "unreadable", (annotation.id,), f"the mask of {_called(annotation)} cannot be read: {error}")
            )
            continue
        if thing is not None and not annotation.no_target:
            things.append(thing)
        findings += [Finding(record.name, kind, (annotation.id,), text) for kind, text in _layer_findings(annotation, thing)]
    found = [*_same_things(things), *_wrong_sides(things), *_said_twice(record.annotations, things)]
    findings += [Finding(record.name, kind, annotations, text) for kind, annotations, text in found]
    if record.state in ("new", "model"):
        text = "nobody has worked on it yet" if record.state == "new" else "the model's masks have not been looked at yet"
        findings.append(Finding(record.name, "not looked at", (), f"{text}: accept or skip it"))
    return sorted(findings)


def summarize(findings: Sequence[Finding]) -> list[str]:
    """A line for each kind found, in the order of `KINDS`: how often, and the first case."""
    lines = []
    for kind, what in KINDS.items():
        cases = [finding for finding in findings if finding.kind == kind]
        if cases:
            lines.append(f"{len(cases)} x {what}, first {cases[0].picture}: {cases[0].text}")
    return lines


def _thing(annotation: Annotation) -> _Thing | None:
    """What is drawn; None for nothing. Raises DataError for run lengths that do not fit."""
    mask = annotation.decode_mask()
    box = None if mask is None else box_of(mask)
    if mask is None or box is None:
        return None
    left, top, right, bottom = box
    inner, width = mask[top:bottom, left:right], mask.shape[1]
    area = int(np.count_nonzero(inner))
    center = float(inner.sum(axis=0) @ (np.arange(left, right) + 0.5)) / area
    extent = Extent(left / width, center / width, right / width)
    return _Thing(annotation, PackedMask.of(mask), area, extent, _specks(inner, mask.size))


def _specks(mask: BoolMask, pixels: int) -> int:
    """Pieces of a mask below `SPECK` of a picture of so many pixels; 0 where no piece is large."""
    _, _, statistics, _ = cv2.connectedComponentsWithStats(np.ascontiguousarray(mask).view(np.uint8), connectivity=8)
    areas = statistics[1:, cv2.CC_STAT_AREA]
    return int((areas < SPECK * pixels).sum()) if areas.max() >= 10 * SPECK * pixels else 0


def _layer_findings(annotation: Annotation, thing: _Thing | None) -> Iterator[tuple[Kind, str]]:
    called = _called(annotation)
    if annotation.no_target and thing is not None:
        yield "absent with mask", f"{called} is marked no_target but has a mask: remove the mark or the mask"
    if not annotation.no_target and thing is None:
        yield "empty mask", f"nothing is drawn for {called}: draw it, mark it no_target, or remove it"
    if not annotation.expressions:
        yield "no sentence", f"no sentence means {called}: write one, or remove it"
    for text in annotation.expressions:
        if not words_of(text):
            yield "empty sentence", f"{called} has the sentence {text[:40]!r}, which has no word: write one, or remove it"
    if thing is not None and thing.specks >= MANY_SPECKS:
        yield "crumbs", f"the mask of {called} has {thing.specks} specks beside it: remove small pieces"


def _same_things(things: Sequence[_Thing]) -> Iterator[tuple[Kind, tuple[str, ...], str]]:
    for one, other in combinations(things, 2):
        if _is_same(one, other):
            text = f"{_called(one.annotation)} and {_called(other.annotation)} have nearly the same mask: put their sentences together and remove one"
            yield "drawn twice", (one.annotation.id, other.annotation.id), text


def _is_same(one: _Thing, other: _Thing) -> bool:
    """IoU of at least `SAME_THING`; the masks are compared only where areas and boxes allow that."""
    width, height = (max(0, min(one.mask.box[k + 2], other.mask.box[k + 2]) - max(one.mask.box[k], other.mask.box[k])) for k in (0, 1))
    most = min(one.area, other.area, width * height)
    return most >= SAME_THING * (one.area + other.area - most) and iou(one.mask.unpack(), other.mask.unpack()) >= SAME_THING


def _said_twice(annotations: Sequence[Annotation], things: Sequence[_Thing]) -> Iterator[tuple[Kind, tuple[str, ...], str]]:
    """Sentences, as the tokeniser reads them, that mean several things, or something that is there and is said not to be."""
    meant: dict[str, list[_Thing]] = {}
    for thing in things:
        for said in {" ".join(words_of(text)): None for text in thing.annotation.expressions if words_of(text)}:
            meant.setdefault(said, []).append(thing)
    for said, several in meant.items():
        if any(not _is_same(one, other) for one, other in combinations(several, 2)):
            text = f'"{said}" means {len(several)} things: tell them apart in words, or leave it if it means all of them'
            yield "same sentence", tuple(thing.annotation.id for thing in several), text
    for annotation in annotations:
        for said in {" ".join(words_of(text)): None for text in annotation.expressions} if annotation.no_target else ():
            if said in meant:
                text = f'"{said}" is marked no_target, and something is drawn for it: one of the two is wrong'
                yield "absent and present", (annotation.id, *(thing.annotation.id for thing in meant[said])), text


def _wrong_sides(things: Sequence[_Thing]) -> Iterator[tuple[Kind, tuple[str, ...], str]]:
    for thing in things:
        alike = [one.extent for one in things if one is not thing and _category(one.annotation) == _category(thing.annotation)]
        for sentence in thing.annotation.expressions:
            said = stated_side(sentence)
            if said is not None and contradicts(said, thing.extent, alike):
                is_on = "right" if said.side == "left" else "left"
                where = f"the {is_on}most of its kind drawn here" if alike else f"on the {is_on} of the picture"
                text = f'"{sentence[:80]}" says {said.side}, but its mask is {where}: check which is meant, or if the picture was mirrored'
                yield "wrong side", (thing.annotation.id,), text


def _category(annotation: Annotation) -> str:
    return " ".join(annotation.category.casefold().split())


def _picture_findings(project: Project, record: AnnotatedImage, seen: DuplicateFinder) -> Iterator[Finding]:
    try:
        twin = seen.duplicate_of(record.name, project.image_path(record), (record.height, record.width))
    except (ImageError, ProjectError, OSError) as error:
        yield Finding(record.name, "unreadable", (), f"the picture cannot be read: {error}")
        return
    if twin is not None:
        yield Finding(record.name, "same picture", (), f"it is the same picture as {twin}: skip or remove one")


def _called(annotation: Annotation) -> str:
    """A annotation as a person knows it: by its first sentence, else its category, else its number."""
    sentence = next((text for text in annotation.expressions if text.strip()), "")
    return (
        f'"{sentence[:80]}"'
        if sentence
        else f"the {annotation.category[:80]} ({annotation.id})"
        if annotation.category
        else f"mask {annotation.id}"
    )
