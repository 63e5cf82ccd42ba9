"""COCO instances: images/ and instances.json, as pycocotools reads it; masks as compressed run lengths or as polygons, both to the pixel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from refseg.annotation.exporters.images import Pictures, finished
from refseg.annotation.layouts import UNNAMED
from refseg.annotation.polygons import outlines_of
from refseg.annotation.progress import Progress, silent
from refseg.annotation.records import Layer, PictureRecord
from refseg.annotation.sinks import Sink, write_json
from refseg.annotation.store import Project
from refseg.data.masks import BoolMask, box_of, encode_rle


@dataclass(frozen=True)
class Numbered:
    """A layer of a picture with the numbers that it has in an export; annotation: COCO's, None for a thing that is absent."""

    record: PictureRecord
    layer: Layer
    image_id: int
    file_name: str
    annotation: dict[str, Any] | None


def export_coco(project: Project, sink: Sink, progress: Progress = silent) -> int:
    """All pictures but skipped ones, masks as run lengths; returns the number of masks."""
    values, _ = coco_of(project, sink, progress)
    write_json(sink, "instances.json", values)
    return len(values["annotations"])


def export_coco_polygons(project: Project, sink: Sink, progress: Progress = silent) -> int:
    """The same with polygons, for tools that know no others: one for each piece of a mask, with a cut without area to each of its holes."""
    values, _ = coco_of(project, sink, progress, segmentation=_polygons)
    write_json(sink, "instances.json", values)
    return len(values["annotations"])


def coco_of(
    project: Project, sink: Sink, progress: Progress = silent, segmentation: Callable[[BoolMask], Any] = encode_rle
) -> tuple[dict[str, Any], list[Numbered]]:
    """instances.json as values, and every layer that is not empty with its numbers; the pictures go to the sink."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    numbered: list[Numbered] = []
    categories: dict[str, int] = {}
    pictures = Pictures(project, sink)
    for image_id, record in enumerate(finished(project, progress), start=1):
        name = pictures.put(record, "images/")
        images.append({"id": image_id, "file_name": name, "width": record.width, "height": record.height, "split": record.split})
        for layer in record.layers:
            annotation = None
            if not layer.absent:
                annotation = _annotation(layer, segmentation)
                if annotation is None:
                    continue
                category = categories.setdefault(layer.category or UNNAMED, len(categories) + 1)
                annotation |= {"id": len(annotations) + 1, "image_id": image_id, "category_id": category}
                annotations.append(annotation)
            numbered.append(Numbered(record, layer, image_id, name, annotation))
    values = {
        "info": {"description": project.name},
        "images": images,
        "annotations": annotations,
        "categories": [{"id": number, "name": name} for name, number in categories.items()],
    }
    return values, numbered


def _polygons(mask: BoolMask) -> list[list[int]]:
    return [ring.astype(int).ravel().tolist() for ring in outlines_of(mask)]


def _annotation(layer: Layer, segmentation: Callable[[BoolMask], Any]) -> dict[str, Any] | None:
    """What COCO says of a mask; None for an empty one."""
    mask = layer.pixels()
    box = None if mask is None else box_of(mask)
    if mask is None or box is None:
        return None
    left, top, right, bottom = box
    return {
        "segmentation": segmentation(mask),
        "area": int(mask.sum()),
        "bbox": [left, top, right - left, bottom - top],
        "iscrowd": 0,
    }
