"""The objects of one video across its frames, and what the files of Ref-YouTube-VOS and MeViS say of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refseg.annotation.exporters.images import category_of
from refseg.annotation.exporters.session import DrawnObject, ExportSession, expressions_of
from refseg.annotation.layouts import UNNAMED, YTVOS_ANNOTATION_IDS, YTVOS_IMAGES
from refseg.annotation.records import AnnotatedImage, Annotation
from refseg.data.masks import encode_rle

MAX_NUMBER = 255  # of an object in a PNG of 8 bits


@dataclass
class TrackedObject:
    """An object of a video. number: from 1.  masks: frame -> COCO run lengths.  visible: the frames in whose PNG it
    has a pixel.
    """

    number: int
    category: str = ""
    expressions: dict[str, None] = field(default_factory=dict)
    masks: dict[str, Any] = field(default_factory=dict)
    visible: list[str] = field(default_factory=list)


class Video:
    """The frames of a video, added in order.

    Objects of two frames are the same if their ids and first expressions are, then if their first expressions are;
    without expressions, if their ids and categories are. Objects of one frame are always different.
    """

    def __init__(self, name: str, split: str, session: ExportSession) -> None:
        self.name, self.split, self._session = name, split, session
        self.objects: list[TrackedObject] = []
        self.frames: list[str] = []
        self._images: dict[str, Any] = {}
        self._exact: dict[tuple[str, ...], TrackedObject] = {}
        self._similar: dict[str, list[TrackedObject]] = {}

    def add(self, frame: str, record: AnnotatedImage) -> NDArray[np.uint8]:
        """Add a frame; returns the number of the object at each pixel, (H, W), 0 for background. Smaller objects
        cover larger ones.
        """
        drawn = self._session.objects(record)
        tracked = self._track([annotation for annotation, _ in drawn])
        for (annotation, mask), one in zip(drawn, tracked, strict=True):
            one.category = one.category or annotation.category
            one.expressions.update(dict.fromkeys(expressions_of(annotation)))
            one.masks[frame] = encode_rle(mask)
        self.frames.append(frame)
        self._images[frame] = self._describe(record, drawn, tracked)
        return self._paint(frame, record, drawn, tracked)

    def expressions(self) -> dict[str, Any]:
        """The video in meta_expressions.json of Ref-YouTube-VOS: one object per expression; objects that no PNG shows
        are left out.
        """
        pairs = [(text, one.number) for one in self.objects if one.visible for text in one.expressions]
        rows = {str(position): {"exp": text, "obj_id": str(number)} for position, (text, number) in enumerate(pairs)}
        return {"expressions": rows, "frames": self.frames}

    def meta(self, first_id: int) -> dict[str, Any]:
        """The video in meta.json; first_id: as in `mevis_expressions`."""
        objects = {
            str(one.number): {"category": one.category or UNNAMED, "frames": one.visible}
            for one in self.objects
            if one.visible
        }
        annotation_ids = {str(one.number): first_id + one.number - 1 for one in self.objects}
        return {
            "objects": objects,
            "split": self.split,
            YTVOS_ANNOTATION_IDS: annotation_ids,
            YTVOS_IMAGES: self._images,
        }

    def mevis_expressions(self, first_id: int) -> dict[str, Any]:
        """The video in meta_expressions.json of MeViS: all objects of an expression; first_id: the annotation id of
        the first object.
        """
        meant: dict[str, list[int]] = {}
        for one in self.objects:
            for text in one.expressions:
                meant.setdefault(text, []).append(one.number)
        rows = {
            str(position): {"exp": text, "obj_id": numbers, "anno_id": [first_id + number - 1 for number in numbers]}
            for position, (text, numbers) in enumerate(meant.items())
        }
        return {"expressions": rows, "frames": self.frames}

    def mevis_masks(self, first_id: int) -> dict[str, list[Any]]:
        """The video in mask_dict.json of MeViS: annotation id -> run lengths of each frame, None where the object has
        no mask.
        """
        return {str(first_id + one.number - 1): [one.masks.get(frame) for frame in self.frames] for one in self.objects}

    def report(self) -> None:
        """Count what other readers do not find in the files as the project has it; call it when all frames are
        added.
        """
        report = self._session.report
        for one in self.objects:
            if not one.visible:
                report.lose(
                    "object",
                    "has no pixel in any PNG, so only the MeViS files have it",
                    f"{self.name}: object {one.number}",
                )
        of_frames: dict[str, list[dict[str, Any]]] = {}
        for image in self._images.values():
            for number, entry in image["objects"].items():
                of_frames.setdefault(number, []).append(entry)
        for one in self.objects:
            own, where = of_frames[str(one.number)], f"{self.name}: object {one.number}"
            if any(len(entry["expressions"]) < len(one.expressions) for entry in own):
                report.alter("object", "expressions of single frames hold for the whole video", where)
            if any(entry["category"] != one.category for entry in own):
                report.alter("object", "categories of single frames replaced by that of the first frame", where)

    def _track(self, annotations: Sequence[Annotation]) -> list[TrackedObject]:
        """The tracked object of each object of a frame."""
        found: dict[int, TrackedObject] = {}
        for position, annotation in enumerate(annotations):
            known = self._exact.get(_exact_key(annotation))
            if known is not None and all(known is not one for one in found.values()):
                found[position] = known
        for position, annotation in enumerate(annotations):
            if position not in found:
                used = {one.number for one in found.values()}
                similar = self._similar.get(expressions_of(annotation)[0], []) if expressions_of(annotation) else []
                found[position] = next((one for one in similar if one.number not in used), None) or self._new(
                    annotation
                )
        for position, annotation in enumerate(annotations):
            self._exact.setdefault(_exact_key(annotation), found[position])
        return [found[position] for position in range(len(annotations))]

    def _new(self, annotation: Annotation) -> TrackedObject:
        one = TrackedObject(len(self.objects) + 1)
        self.objects.append(one)
        if expressions_of(annotation):
            self._similar.setdefault(expressions_of(annotation)[0], []).append(one)
        return one

    def _describe(
        self, record: AnnotatedImage, drawn: Sequence[DrawnObject], tracked: Sequence[TrackedObject]
    ) -> dict[str, Any]:
        """What this project knows of a frame, for its own importer."""
        objects = {
            str(one.number): {
                "id": annotation.id if annotation.original_id is None else annotation.original_id,
                "category_id": annotation.category_id,
                "expressions": expressions_of(annotation),
                "category": annotation.category,
            }
            for (annotation, _), one in zip(drawn, tracked, strict=True)
        }
        no_target = self._session.no_target(record)
        if no_target:
            reason = "kept in meta.json, where only refseg reads it"
            self._session.report.alter("no-target entry", reason, record.name, count=len(no_target))
        image = {
            "name": record.original_name or record.name,
            "id": record.original_id,
            "state": record.state,
            "split": record.split,
            "clip": record.clip,
            "frame": record.frame,
        }
        return {**image, "objects": objects, "no_target": no_target}

    def _paint(
        self, frame: str, record: AnnotatedImage, drawn: Sequence[DrawnObject], tracked: Sequence[TrackedObject]
    ) -> NDArray[np.uint8]:
        report = self._session.report
        numbers = np.zeros((record.height, record.width), dtype=np.uint8)
        areas = [int(mask.sum()) for _, mask in drawn]
        for position in sorted(range(len(drawn)), key=lambda position: -areas[position]):
            if tracked[position].number <= MAX_NUMBER:
                numbers[drawn[position].mask] = tracked[position].number
        left = np.bincount(numbers.ravel(), minlength=MAX_NUMBER + 1)
        for (annotation, _), one, area in zip(drawn, tracked, areas, strict=True):
            where = f"{record.name}: {(expressions_of(annotation) or [category_of(annotation)])[0]}"
            if one.number > MAX_NUMBER:
                report.lose("mask", f"a PNG has {MAX_NUMBER} numbers, so only mask_dict.json has it", where)
                continue
            pixels = int(left[one.number])
            if pixels:
                one.visible.append(frame)
            if pixels == 0:
                report.lose("mask", "no pixel left in the PNG under smaller objects; mask_dict.json has all", where)
            elif 2 * pixels < area:
                report.lose(
                    "mask", "more than half covered in the PNG by smaller objects; mask_dict.json has all", where
                )
            elif pixels < area:
                report.lose("mask", "partly covered in the PNG by smaller objects; mask_dict.json has all", where)
        return numbers


def _exact_key(annotation: Annotation) -> tuple[str, ...]:
    texts = expressions_of(annotation)
    return ("expression", annotation.id, texts[0]) if texts else ("category", annotation.id, annotation.category)
