"""COCO instances as pycocotools, datumaro, FiftyOne and supervision read them.

    images/SPLIT/NAME                   the images; those without a split are in "train"
    annotations/instances_SPLIT.json    images, annotations and categories of a split; ids are unique across splits,
                                        categories the same in all

Masks are run lengths or polygons, both exact. Keys that other tools ignore: an image has `split`, `state`, `clip`,
`frame` and `no_target` (a list of lists of expressions), an annotation `expressions`, and `unnamed` if its category
stands for none. File names are relative to images/SPLIT/.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from refseg.annotation.export_output import write_json
from refseg.annotation.exporters.ids import category_ids, unique_ids
from refseg.annotation.exporters.images import ImageWriter, category_of, image_keys, portable
from refseg.annotation.exporters.session import ExportSession, expressions_of
from refseg.annotation.layouts import COCO_ANNOTATIONS, DEFAULT_SPLIT, UNNAMED_KEY
from refseg.annotation.polygons import INSET, outlines_of
from refseg.annotation.records import AnnotatedImage, Annotation, Id
from refseg.data.masks import BoolMask, box_of, encode_rle

Encode = Callable[[BoolMask], Any]
"""A mask (H, W) as the value of `segmentation`."""


@dataclass(frozen=True)
class CocoImage:
    """An image of an export with its objects; the ids are set by `CocoWriter.number`.

    image: its COCO entry.  objects: the annotation and the COCO annotation of each object.
    """

    record: AnnotatedImage
    image: dict[str, Any]
    objects: list[tuple[Annotation, dict[str, Any]]]


@dataclass
class CocoWriter:
    """COCO images, annotations and categories of a project, in the order in which they come."""

    session: ExportSession
    segmentation: Encode
    entries: list[CocoImage] = field(default_factory=list)
    categories: dict[str, int] = field(default_factory=dict)

    def add(self, record: AnnotatedImage, file_name: str, no_target: list[list[str]] | None = None) -> None:
        """Add an image with its objects; no_target: the expressions of its no-target entries, for formats that keep
        them here."""
        image = {"id": 0, "file_name": file_name, "width": record.width, "height": record.height, **image_keys(record)}
        image |= {"no_target": no_target} if no_target else {}
        self.entries.append(
            CocoImage(
                record,
                image,
                [(annotation, self._annotation(annotation, mask)) for annotation, mask in self.session.objects(record)],
            )
        )

    def number(self) -> None:
        """Set all ids: those of the data set that the project was imported from, where they are unique. Others are
        counted as altered."""
        annotations = [annotation for entry in self.entries for annotation, _ in entry.objects]
        images = unique_ids([entry.record.original_id for entry in self.entries])
        ids = iter(unique_ids([annotation.original_id for annotation in annotations]))
        # Only a data set that numbers images has COCO's ids: class numbers of YOLO begin at 0, which COCO's tools take
        # for the background.
        self.categories = category_ids(
            (category_of(annotation), None if entry.record.original_id is None else annotation.category_id)
            for entry in self.entries
            for annotation, _ in entry.objects
        )
        for entry, image_id in zip(self.entries, images, strict=True):
            self._compare("image", entry.record.original_id, image_id, entry.record.name)
            entry.image["id"] = image_id
            for annotation, coco_annotation in entry.objects:
                number = next(ids)
                self._compare(
                    "object", annotation.original_id, number, f"{entry.record.name}: {annotation.original_id}"
                )
                coco_annotation |= {
                    "id": number,
                    "image_id": image_id,
                    "category_id": self.categories[category_of(annotation)],
                }

    def to_json(self, split: str | None = None) -> dict[str, Any]:
        """JSON types; split: the name of a folder of images (see `split_of`), None for all."""
        entries = [entry for entry in self.entries if split is None or split_of(entry.record.split) == split]
        return {
            "info": {"description": self.session.project.name},
            "licenses": [],
            "images": [entry.image for entry in entries],
            "annotations": [coco_annotation for entry in entries for _, coco_annotation in entry.objects],
            "categories": [
                {"id": number, "name": name, "supercategory": ""} for name, number in self.categories.items()
            ],
        }

    def _annotation(self, annotation: Annotation, mask: BoolMask) -> dict[str, Any]:
        left, top, right, bottom = box_of(mask) or (0, 0, 0, 0)
        return {
            "id": 0,
            "image_id": 0,
            "category_id": 0,
            "segmentation": self.segmentation(mask),
            "area": int(mask.sum()),
            "bbox": [left, top, right - left, bottom - top],
            "iscrowd": 0,
            "expressions": expressions_of(annotation),
            **({} if annotation.category else {UNNAMED_KEY: True}),
        }

    def _compare(self, noun: str, original: Id | None, number: int, where: str) -> None:
        if original is not None and original != number:
            self.session.report.alter(
                noun, "its id is not a number or is used twice, and has become another one", where
            )


def export_coco(session: ExportSession) -> None:
    """COCO instances with compressed run lengths."""
    _export(session, encode_rle)


def export_coco_polygons(session: ExportSession) -> None:
    """COCO instances with polygons: one for each piece of a mask, with a cut of no area to each of its holes."""
    _export(session, polygons_of_coco)


def _export(session: ExportSession, segmentation: Encode) -> None:
    image_writer = ImageWriter(session)
    writer = CocoWriter(session, segmentation)
    for record in session.records():
        writer.add(record, image_writer.put(record, f"images/{split_of(record.split)}/"), session.no_target(record))
    writer.number()
    for split in dict.fromkeys(split_of(entry.record.split) for entry in writer.entries) or [DEFAULT_SPLIT]:
        write_json(session.output, f"{COCO_ANNOTATIONS}/instances_{split}.json", writer.to_json(split))


def split_of(split: str) -> str:
    """The name of a split in file names."""
    return portable(split or DEFAULT_SPLIT)


def polygons_of_coco(mask: BoolMask) -> list[list[float]]:
    """A mask (H, W) as COCO polygons, exact for readers that test pixel centers and for those that round or truncate
    positions (see INSET)."""
    return [ring.ravel().tolist() for ring in outlines_of(mask, INSET)]
