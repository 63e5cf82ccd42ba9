"""COCO instances as pycocotools, datumaro, FiftyOne and supervision read them.

    images/SPLIT/NAME                   the images; those without a split are in "train"
    annotations/instances_SPLIT.json    images, annotations and categories of a split; ids differ across splits, categories are the same in all

Masks are run lengths or polygons, both exact. Keys that other tools ignore: an image has `split`, `state`, `clip`, `frame` and `no_target` (a list of
lists of expressions), an annotation `expressions`, and `unnamed` if its category stands for none. File names are relative to images/SPLIT/.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from refseg.annotation.exporters.images import Pictures, category_of, image_keys, portable
from refseg.annotation.exporters.session import DrawnObject, ExportSession, said
from refseg.annotation.layouts import COCO_ANNOTATIONS, DEFAULT_SPLIT, UNNAMED_KEY
from refseg.annotation.polygons import INSET, outlines_of
from refseg.annotation.records import Layer, PictureRecord
from refseg.annotation.sinks import write_json
from refseg.data.masks import BoolMask, box_of, encode_rle

Encode = Callable[[BoolMask], Any]
"""A mask (H, W) as the value of `segmentation`."""


@dataclass(frozen=True)
class Numbered:
    """An object of an image with its COCO annotation."""

    layer: Layer
    annotation: dict[str, Any]


@dataclass
class CocoWriter:
    """Numbers images, annotations and categories in the order in which they come."""

    name: str
    segmentation: Encode
    images: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    categories: dict[str, int] = field(default_factory=dict)

    def add(self, record: PictureRecord, file_name: str, objects: list[DrawnObject], no_target: list[list[str]]) -> list[Numbered]:
        """Add an image with its objects; returns them with their annotations."""
        image = {"id": len(self.images) + 1, "file_name": file_name, "width": record.width, "height": record.height, **image_keys(record)}
        self.images.append(image | ({"no_target": no_target} if no_target else {}))
        numbered = []
        for layer, mask in objects:
            annotation = {
                "id": len(self.annotations) + 1,
                "image_id": image["id"],
                "category_id": self.categories.setdefault(category_of(layer), len(self.categories) + 1),
                **_geometry(mask, self.segmentation),
                "iscrowd": 0,
                "expressions": said(layer),
            }
            if not layer.category:
                annotation[UNNAMED_KEY] = True
            self.annotations.append(annotation)
            numbered.append(Numbered(layer, annotation))
        return numbered

    def to_json(self, split: str | None = None) -> dict[str, Any]:
        """JSON types; split: the name of a folder of images (see `split_of`), None for all."""
        images = [image for image in self.images if split is None or split_of(image["split"]) == split]
        ids = {image["id"] for image in images}
        return {
            "info": {"description": self.name},
            "licenses": [],
            "images": images,
            "annotations": [annotation for annotation in self.annotations if annotation["image_id"] in ids],
            "categories": [{"id": number, "name": name, "supercategory": ""} for name, number in self.categories.items()],
        }


def export_coco(session: ExportSession) -> None:
    """COCO instances with compressed run lengths."""
    _export(session, encode_rle)


def export_coco_polygons(session: ExportSession) -> None:
    """COCO instances with polygons: one for each piece of a mask, with a cut of no area to each of its holes."""
    _export(session, polygons_of_coco)


def _export(session: ExportSession, segmentation: Encode) -> None:
    pictures = Pictures(session)
    writer = CocoWriter(session.project.name, segmentation)
    for record in session.records():
        name = pictures.put(record, f"images/{split_of(record.split)}/")
        writer.add(record, name, session.objects(record), session.no_target(record))
    for split in dict.fromkeys(split_of(image["split"]) for image in writer.images) or [DEFAULT_SPLIT]:
        write_json(session.sink, f"{COCO_ANNOTATIONS}/instances_{split}.json", writer.to_json(split))


def split_of(split: str) -> str:
    """The name of a split in file names."""
    return portable(split or DEFAULT_SPLIT)


def polygons_of_coco(mask: BoolMask) -> list[list[float]]:
    """A mask (H, W) as COCO polygons, exact for readers that test pixel centers and for those that round or truncate positions (see INSET)."""
    return [ring.ravel().tolist() for ring in outlines_of(mask, INSET)]


def _geometry(mask: BoolMask, segmentation: Encode) -> dict[str, Any]:
    left, top, right, bottom = box_of(mask) or (0, 0, 0, 0)
    return {"segmentation": segmentation(mask), "area": int(mask.sum()), "bbox": [left, top, right - left, bottom - top]}
