"""Pascal VOC: images, an XML of boxes or polygons for each, and PNGs of object and class numbers.

    JPEGImages/NAME.jpg               Annotations/NAME.xml
    SegmentationObject/NAME.png       0 for background, a number for each object, 255 for borders that belong to none
    SegmentationClass/NAME.png        class numbers; labelmap.txt has their names and colors, otherwise they are
                                      VOC's own 20
    ImageSets/*/SPLIT.txt             the names of a split

Read are the official layout, also in VOCdevkit/VOC2012, and what CVAT, datumaro, supervision, Roboflow and LabelImg
make of it: colored masks, images in images/ or beside the XML, polygons in the XML, boxes only, masks only. Our own
exports add elements to the XML: <expression> and <unnamed> to an object; <absent>, <state>, <clip> and <frame> to the
image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from refseg.annotation.importers.image_keys import image_keys
from refseg.annotation.importers.objects import ImportedObject
from refseg.annotation.importers.reasons import reason_of
from refseg.annotation.importers.session import ImportSession
from refseg.annotation.importers.source import Source
from refseg.annotation.importers.texts import head
from refseg.annotation.importers.voc.label_map import LabelMap, read_label_map
from refseg.annotation.importers.voc.layout import VocImage, find_images, find_roots
from refseg.annotation.importers.voc.masks import mask_objects
from refseg.annotation.importers.voc.xml import VocAnnotation, parse_annotation, read_xml
from refseg.annotation.progress import with_progress
from refseg.errors import DataError

_PROBED_FILES = 20


def detect(source: Source) -> bool:
    """Whether there are folders of object or class masks, or XML files of which one of the first is an annotation of
    VOC."""
    if any(root.object_masks or root.class_masks for root in find_roots(source)):
        return True
    return any("<annotation" in head(source, file, 4096) for file in source.matching("*.xml")[:_PROBED_FILES])


def read(source: Source, session: ImportSession) -> None:
    """All images with an XML or a mask or in a list of a split. Raises DataError if there are none."""
    roots = find_roots(source)
    images = [(root, image) for root in roots for image in find_images(source, root, session.report)]
    if not any(image.xml or image.object_mask or image.class_mask for _, image in images):
        raise DataError(
            "the data set is not Pascal VOC: expected XML files in Annotations/, or masks in SegmentationObject/ or"
            " SegmentationClass/. Choose another format"
        )
    annotations = {image.xml: _annotation(source, image.xml, session) for _, image in images if image.xml}
    edges = any(one.has_edges for one in annotations.values() if one is not None)
    categories = {
        one.name for annotation in annotations.values() if annotation for one in annotation.objects if one.name
    }
    label_maps = {
        root.folder: read_label_map(source, root.folder, session.report).checked(categories) for root in roots
    }
    for root, image in with_progress(images, session.progress):
        annotation = annotations.get(image.xml) or VocAnnotation()
        _add(source, session, image, replace(annotation, has_edges=edges), label_maps[root.folder])


def _annotation(source: Source, file: str, session: ImportSession) -> VocAnnotation | None:
    try:
        return parse_annotation(read_xml(source, file, session.report), file)
    except DataError as error:
        session.report.skip("file", reason_of(error, file), file)
        return None


def _add(source: Source, session: ImportSession, image: VocImage, annotation: VocAnnotation, labels: LabelMap) -> None:
    """Add an image with its objects: from masks if it has some, otherwise from the XML."""
    where = image.xml or image.object_mask or image.class_mask or image.name
    if not image.file:
        session.report.skip("image", "that is not in the data set", where)
        return
    has_masks = bool(image.object_mask or image.class_mask)

    def objects(height: int, width: int) -> Iterator[ImportedObject]:
        if has_masks:
            yield from mask_objects(source, image, annotation, labels, session.report)
        else:
            yield from annotation.shape_objects(height, width, session.report)
        for number, expressions in enumerate(annotation.no_target):
            yield ImportedObject(f"{image.xml}: absent[{number}]", expressions=expressions, no_target=True)

    keys: dict[str, Any] = {
        "annotated": None if has_masks else annotation.size,
        **image_keys({**annotation.keys, "split": image.split}),
    }
    session.add_image(source.path(image.file), objects, where=where, original_name=image.original_name, **keys)
