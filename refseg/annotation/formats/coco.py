"""COCO instances: images/ and instances.json, as pycocotools reads it; masks as compressed run lengths or as polygons, both to the pixel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refseg.annotation.formats.pictures import UNNAMED, Pictures, finished
from refseg.annotation.formats.reading import new_layer, take
from refseg.annotation.polygons import outlines_of
from refseg.annotation.progress import Progress, followed, silent
from refseg.annotation.records import Layer, PictureRecord
from refseg.annotation.sinks import Sink, write_json
from refseg.annotation.store import Project
from refseg.data.masks import BoolMask, box_of, encode_rle
from refseg.data.refcoco import ImageRecord, RefCocoDataset, read_instances


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


def import_coco(root: Path, project: Project, progress: Progress = silent) -> int:
    """ROOT/instances.json and ROOT/images/; returns the number of masks. Raises DataError, ImageError or ProjectError."""
    dataset = read_instances(root)
    return sum(take_picture(project, dataset, image) for image in followed(dataset.images, progress))


def take_picture(
    project: Project,
    dataset: RefCocoDataset,
    image: ImageRecord,
    meant: Mapping[int, Iterable[str]] | None = None,
    absent: Iterable[Iterable[str]] = (),
    split: str = "",
) -> int:
    """One picture of a data set with its instances as layers, whose ids are those of the annotations; returns the number of masks.

    meant: sentences about the annotations, by their ids.  absent: sentences about things that are not there.  split: of a picture that says none.
    """

    def layers(height: int, width: int) -> Iterator[Layer]:
        for instance in dataset.instances_of(image):
            if not instance.crowd:
                category = "" if instance.category == UNNAMED else instance.category
                texts = dict.fromkeys((meant or {}).get(instance.id, ()))
                yield new_layer(str(instance.id), instance.mask(height, width), texts, category)
        for number, sentences in enumerate(absent, start=1):
            yield new_layer(f"absent-{number}", None, sentences, absent=True)

    # Pictures of different folders may have one name; the folders tell them apart.
    name = image.file_name.replace("/", "-")
    return take(project, dataset.path_of(image), layers, name=name, split=image.split or split)


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
