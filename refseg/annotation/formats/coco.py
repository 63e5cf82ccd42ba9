"""COCO instances: images/ and instances.json, as pycocotools reads it; masks as compressed run lengths, so to the pixel and with holes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from refseg.annotation.records import Layer, PictureRecord, now
from refseg.annotation.sinks import Sink, write_json
from refseg.annotation.store import Project
from refseg.data.masks import box_of, encode_rle
from refseg.data.refcoco import RefCocoDataset, read_instances

UNNAMED = "object"  # the category of a thing that was given none


@dataclass(frozen=True)
class Numbered:
    """A layer of a picture with the numbers that it has in an export; annotation: COCO's, None for a thing that is absent."""

    record: PictureRecord
    layer: Layer
    image_id: int
    annotation: dict[str, Any] | None


def export_coco(project: Project, sink: Sink) -> int:
    """All pictures but skipped ones; returns the number of masks."""
    values, numbered = coco_of(project, sink)
    write_json(sink, "instances.json", values)
    return sum(one.annotation is not None for one in numbered)


def coco_of(project: Project, sink: Sink) -> tuple[dict[str, Any], list[Numbered]]:
    """instances.json as values, and every layer that is not empty with its numbers; the pictures go to the sink."""
    images: list[dict[str, Any]] = []
    numbered: list[Numbered] = []
    categories: dict[str, int] = {}
    for image_id, record in enumerate(finished(project), start=1):
        path = project.picture_path(record)
        sink.copy(f"images/{record.name}", path)
        images.append({"id": image_id, "file_name": record.name, "width": record.width, "height": record.height, "split": record.split})
        for layer in record.layers:
            if layer.absent:
                numbered.append(Numbered(record, layer, image_id, None))
                continue
            mask = layer.pixels()
            box = None if mask is None else box_of(mask)
            if mask is None or box is None:
                continue
            left, top, right, bottom = box
            annotation = {
                "id": 1 + sum(one.annotation is not None for one in numbered),
                "image_id": image_id,
                "category_id": categories.setdefault(layer.category or UNNAMED, len(categories) + 1),
                "segmentation": encode_rle(mask),
                "area": int(mask.sum()),
                "bbox": [left, top, right - left, bottom - top],
                "iscrowd": 0,
            }
            numbered.append(Numbered(record, layer, image_id, annotation))
    values = {
        "info": {"description": project.name},
        "images": images,
        "annotations": [one.annotation for one in numbered if one.annotation is not None],
        "categories": [{"id": number, "name": name} for name, number in categories.items()],
    }
    return values, numbered


def finished(project: Project) -> Iterator[PictureRecord]:
    """Records of the pictures that belong into a data set: all but skipped ones."""
    for entry in project.entries:
        if entry.state != "skipped":
            yield project.record(entry.name)


def import_coco(root: Path, project: Project) -> int:
    """ROOT/instances.json and ROOT/images/; returns the number of masks. Raises DataError, ImageError or ProjectError."""
    dataset = read_instances(root)
    return sum(len(take_picture(project, dataset, image.id).layers) for image in dataset.images)


def take_picture(project: Project, dataset: RefCocoDataset, image_id: int) -> PictureRecord:
    """One picture of a data set with its instances as layers, whose ids are those of the annotations."""
    image = next(one for one in dataset.images if one.id == image_id)
    record = project.add_picture(dataset.path_of(image))
    layers = tuple(
        Layer(
            str(instance.id),
            category="" if instance.category == UNNAMED else instance.category,
            mask=encode_rle(instance.mask(record.height, record.width)),
            created=now(),
        )
        for instance in dataset.instances_of(image)
        if not instance.crowd
    )
    return project.save(replace(record, layers=layers, split=image.split, state="accepted"))
