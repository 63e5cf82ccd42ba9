"""Objects of Pascal VOC images that have masks: their pixels, their classes, and the <object> of the XML that each
is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from refseg.annotation.importers.mask_images import VOID_COLOR, LabelImage, read_label_image
from refseg.annotation.importers.objects import ImportedObject
from refseg.annotation.importers.report import ImportReport
from refseg.annotation.importers.shapes import Points
from refseg.annotation.importers.source import Source
from refseg.annotation.importers.voc.label_map import LabelMap
from refseg.annotation.importers.voc.layout import VocImage
from refseg.annotation.importers.voc.xml import VocAnnotation, VocObject, report_dropped
from refseg.annotation.layouts import UNNAMED, VOC_VOID, label_map_name
from refseg.data.masks import BoolMask, box_of
from refseg.errors import DataError

BACKGROUND = "background"
_SAME = 0.5  # IoU of boxes from which an <object> and a mask are one object


def mask_objects(
    source: Source, image: VocImage, annotation: VocAnnotation, labels: LabelMap, report: ImportReport
) -> Iterator[ImportedObject]:
    """An object for each number of SegmentationObject; without it, one for each class of SegmentationClass."""
    classes = _read(source, image.class_mask, report)
    objects = _read(source, image.object_mask, report)
    if objects is None and classes is None:
        yield from (ImportedObject(one.where, problem="whose mask file cannot be read") for one in annotation.objects)
    elif objects is None and classes is not None:
        yield from _class_objects(image.class_mask, classes, annotation, labels, report)
    elif objects is not None:
        yield from _numbered_objects(image.object_mask, objects, classes, annotation, labels, report)


def _read(source: Source, file: str, report: ImportReport) -> LabelImage | None:
    if not file:
        return None
    try:
        return read_label_image(source.path(file))
    except DataError as error:
        report.skip("mask file", f"that {error}", file)
        return None


def _numbers(image: LabelImage) -> list[int]:
    """Numbers of objects or classes, without the background and VOC's border. 255 is an object if it is the only number
    and not VOC's color of borders."""
    known = [int(value) for value in np.unique(image.numbers) if value]
    if known == [VOC_VOID] and image.colors.get(VOC_VOID) != VOID_COLOR:
        return known
    return [value for value in known if value != VOC_VOID]


def _numbered_objects(
    file: str,
    objects: LabelImage,
    classes: LabelImage | None,
    annotation: VocAnnotation,
    labels: LabelMap,
    report: ImportReport,
) -> Iterator[ImportedObject]:
    masks = {number: objects.numbers == number for number in _numbers(objects)}
    if classes is not None and classes.numbers.shape != objects.numbers.shape:
        report.skip("mask file", "of classes of another size than that of objects", file)
        classes = None
    numbers = {number: _class_number(mask, classes) for number, mask in masks.items()}
    names = {number: labels.name(classes, of) if classes is not None and of else None for number, of in numbers.items()}
    matched = _match(masks, {number: name or "" for number, name in names.items()}, annotation)
    for number, mask in masks.items():
        position = matched.get(number)
        known = annotation.objects[position] if position is not None else VocObject(f"{file}: {number}")
        report_dropped(known, report)
        category = known.name
        if position is None and classes is not None and numbers[number]:
            category = _category(classes, numbers[number], names[number], labels, report, known.where)
        elif position is None:
            report.alter("object", "without a category: neither SegmentationClass nor the XML has one", known.where)
        yield ImportedObject(
            known.where,
            mask=mask,
            expressions=known.expressions,
            category=category,
            original_id=None if objects.meaning == "order" else number,
        )
    for position, one in enumerate(annotation.objects):
        if position not in matched.values():
            yield ImportedObject(one.where, problem="of the XML that has no pixels in SegmentationObject")


def _class_objects(
    file: str, classes: LabelImage, annotation: VocAnnotation, labels: LabelMap, report: ImportReport
) -> Iterator[ImportedObject]:
    """One object a class; the only <object> of the class in the XML adds its expressions."""
    used: set[str] = set()
    for number in _numbers(classes):
        name = labels.name(classes, number)
        where = f"{file}: class {classes.text(number) if name is None else name}"
        if name == BACKGROUND:
            continue
        category = _category(classes, number, name, labels, report, where)
        same = [one for one in annotation.objects if name is not None and _is_same(one.name, name)]
        used |= {one.where for one in same if len(same) == 1}
        report.alter("object", "of all pixels of a class, because no SegmentationObject separates them", where)
        yield ImportedObject(
            where,
            mask=classes.numbers == number,
            expressions=same[0].expressions if len(same) == 1 else (),
            category=same[0].name if same else category,
            category_id=None if classes.meaning == "order" else number,
        )
    for one in annotation.objects:
        if one.where not in used:
            yield ImportedObject(one.where, problem="of the XML that no mask separates from others of its class")


def _class_number(mask: BoolMask, classes: LabelImage | None) -> int:
    """The class of most pixels of an object; 0 if there is none."""
    if classes is None:
        return 0
    values, counts = np.unique(classes.numbers[mask], return_counts=True)
    pairs = zip(counts.tolist(), values.tolist(), strict=True)
    return max(((count, value) for count, value in pairs if value not in (0, VOC_VOID)), default=(0, 0))[1]


def _category(
    classes: LabelImage, number: int, name: str | None, labels: LabelMap, report: ImportReport, where: str
) -> str:
    """The name of a class, or its number or color if it has none."""
    if name is None:
        report.alter("object", "of a class without a name, named by its number or color", where)
    elif labels.is_assumed:
        report.alter("object", "named by Pascal VOC's own classes, because there is no labelmap.txt", where)
    return _named(classes.text(number) if name is None else name)


def _named(name: str) -> str:
    return "" if name in (UNNAMED, BACKGROUND) else name


def _match(masks: Mapping[int, BoolMask], categories: Mapping[int, str], annotation: VocAnnotation) -> dict[int, int]:
    """Position of the <object> of each number: the number itself if every mask lies in the box of that object, as VOC
    has it, otherwise by boxes."""
    objects = annotation.objects
    boxes = [annotation.corners(one) for one in objects]
    found = {number: box for number, mask in masks.items() if (box := box_of(mask)) is not None}
    if all(
        number <= len(objects) and _agrees(categories[number], objects[number - 1]) and _holds(boxes[number - 1], box)
        for number, box in found.items()
    ):
        return {number: number - 1 for number in found}
    pairs = []
    for number, box in found.items():
        for position, corners in enumerate(boxes):
            overlap = 0.0 if corners is None else _iou(corners, box)
            if overlap >= _SAME and _agrees(categories[number], objects[position]):
                pairs.append((overlap, number, position))
    matched: dict[int, int] = {}
    for _, number, position in sorted(pairs, key=lambda pair: -pair[0]):
        if number not in matched and position not in matched.values():
            matched[number] = position
    return matched


def _agrees(category: str, one: VocObject) -> bool:
    return not category or not one.name or _is_same(category, one.name)


def _is_same(category: str, other: str) -> bool:
    """Whether two names are of one class, one of them perhaps from labelmap.txt, which holds no colons."""
    return label_map_name(category).casefold() == label_map_name(other).casefold()


def _holds(corners: Points | None, box: Sequence[int]) -> bool:
    """Whether a box (left, top, right, bottom) lies in another but for two pixels."""
    if corners is None:
        return True
    return bool((corners[0] <= np.array(box[:2]) + 2).all() and (corners[2] >= np.array(box[2:]) - 2).all())


def _iou(corners: Points, box: Sequence[int]) -> float:
    low, high = np.maximum(corners[0], box[:2]), np.minimum(corners[2], box[2:])
    overlap = float(np.prod(np.clip(high - low, 0, None)))
    union = float(np.prod(corners[2] - corners[0])) + float((box[2] - box[0]) * (box[3] - box[1])) - overlap
    return overlap / union if union > 0 else 0.0
