"""COCO instances: images/ and instances.json, as pycocotools reads it; masks as compressed run lengths or as polygons, both to the pixel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from refseg.annotation.importers.reading import new_layer, take
from refseg.annotation.layouts import UNNAMED
from refseg.annotation.progress import Progress, followed, silent
from refseg.annotation.records import Layer
from refseg.annotation.store import Project
from refseg.data.refcoco import ImageRecord, RefCocoDataset, read_instances


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
