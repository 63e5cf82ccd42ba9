"""Pascal VOC: images, an XML of boxes for each, and PNGs of object and of class numbers with VOC's palette, in
VOCdevkit/VOC2012/.

    JPEGImages/NAME.jpg               Annotations/NAME.xml
    SegmentationObject/NAME.png       0 for background, else the number of the <object> in the XML, from 1;
                                      255 is a border of no object
    SegmentationClass/NAME.png        the class: VOC's own 20 have VOC's numbers, others follow;
                                      labelmap.txt lists them with their colors
    ImageSets/Main/SPLIT.txt          the images of a split; the same in ImageSets/Segmentation/

Elements that other tools ignore: <expression> and <unnamed> in an <object>, and <absent> (a no-target entry with its
expressions), <state>, <clip> and <frame> beside the objects. A pixel has one number: where masks overlap, that of the
smaller object, so that few objects are covered.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import numpy as np
from numpy.typing import NDArray

from refseg.annotation.exporters.images import ImageWriter, category_of, portable
from refseg.annotation.exporters.session import DrawnObject, ExportSession, expressions_of
from refseg.annotation.layouts import DEFAULT_SPLIT, UNNAMED_KEY, VOC_CLASSES, VOC_ROOT, VOC_VOID, label_map_name
from refseg.annotation.records import AnnotatedImage
from refseg.data.masks import BoolMask, box_of
from refseg.video.formats import davis_palette, palette_png

_UNWRITABLE = re.compile("[^\t\n -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def export_voc(session: ExportSession) -> None:
    """All images as JPEGs. Objects and classes beyond the 254 numbers of a PNG are in the XML alone, and reported."""
    image_writer = ImageWriter(session, jpeg=True)
    classes = {name: number for number, name in enumerate(VOC_CLASSES, start=1)}
    splits: dict[str, list[str]] = {}
    for record in session.records():
        name = image_writer.put(record, f"{VOC_ROOT}JPEGImages/")
        stem = name.removesuffix(".jpg")
        objects = session.objects(record)
        kinds = [classes.setdefault(category_of(annotation), len(classes) + 1) for annotation, _ in objects]
        numbers = paint(session, record, objects)
        table = np.array([0, *(min(kind, VOC_VOID) for kind in kinds)], dtype=np.uint8)  # object number -> class number
        session.output.write(f"{VOC_ROOT}SegmentationObject/{stem}.png", palette_png(numbers))
        session.output.write(f"{VOC_ROOT}SegmentationClass/{stem}.png", palette_png(table[numbers]))
        session.output.write(f"{VOC_ROOT}Annotations/{stem}.xml", _xml(session, record, name, objects))
        splits.setdefault(portable(record.split or DEFAULT_SPLIT), []).append(f"{stem}\n")
    for name in [name for name, number in classes.items() if number >= VOC_VOID]:
        session.report.lose(
            "category",
            f"the format has {VOC_VOID - 1} class numbers; its objects are border in SegmentationClass",
            name,
        )
    for split, names in splits.items():
        for task in ("Main", "Segmentation"):
            session.output.write(f"{VOC_ROOT}ImageSets/{task}/{split}.txt", "".join(names).encode("utf-8"))
    session.output.write(f"{VOC_ROOT}labelmap.txt", _label_map(classes).encode("utf-8"))
    for name in classes:
        if label_map_name(name) != name:
            session.report.alter("category", "written without colons in labelmap.txt; the XML has its full name", name)


def paint(
    session: ExportSession, record: AnnotatedImage, objects: Sequence[DrawnObject], limit: int = VOC_VOID - 1
) -> NDArray[np.uint8]:
    """One number a pixel (H, W): 0 for background, else the position of its object from 1. Smaller objects cover larger
    ones.

    What is covered is counted as lost: objects without a pixel left by name, others by how many they are. Objects
    beyond `limit` have no number.
    """
    numbers = np.zeros((record.height, record.width), dtype=np.uint8)
    areas = [int(mask.sum()) for _, mask in objects]
    for position in sorted(range(min(len(objects), limit)), key=lambda position: -areas[position]):
        numbers[objects[position].mask] = position + 1
    left = np.bincount(numbers.ravel(), minlength=limit + 1)
    for position, ((annotation, _), area) in enumerate(zip(objects, areas, strict=True)):
        where = f"{record.name}: {(expressions_of(annotation) or [category_of(annotation)])[0]}"
        if position >= limit:
            session.report.lose("mask", f"the format has {limit} numbers for the objects of an image", where)
        elif left[position + 1] == 0:
            session.report.lose("mask", "covered by smaller objects, has no pixel left", where)
        elif left[position + 1] < area:
            session.report.lose("mask", "partly covered by smaller objects", where)
    return numbers


def _xml(session: ExportSession, record: AnnotatedImage, name: str, objects: Sequence[DrawnObject]) -> bytes:
    xml = _Xml(session, record.name)
    root = Element("annotation")
    xml.add(root, "folder", "JPEGImages")
    xml.add(root, "filename", name)
    xml.add(SubElement(root, "source"), "database", session.project.name)
    size = SubElement(root, "size")
    for key, value in (("width", record.width), ("height", record.height), ("depth", 3)):
        xml.add(size, key, str(value))
    xml.add(root, "segmented", "1")
    xml.add(root, "state", record.state)
    if record.clip:
        xml.add(root, "clip", record.clip)
        xml.add(root, "frame", "" if record.frame is None else str(record.frame))
    for annotation, mask in objects:
        entry = SubElement(root, "object")
        for key, text in (
            ("name", category_of(annotation)),
            ("pose", "Unspecified"),
            ("truncated", "0"),
            ("difficult", "0"),
        ):
            xml.add(entry, key, text)
        _box(xml, entry, mask)
        if not annotation.category:
            xml.add(entry, UNNAMED_KEY, "1")
        for text in expressions_of(annotation):
            xml.add(entry, "expression", text)
    for texts in session.no_target(record):
        absent = SubElement(root, "absent")
        for text in texts:
            xml.add(absent, "expression", text)
    indent(root)
    data: bytes = tostring(root, encoding="utf-8")
    return data


class _Xml:
    """Adds texts to an XML tree and reports the characters that XML cannot hold."""

    def __init__(self, session: ExportSession, where: str) -> None:
        self._report, self._where = session.report, where

    def add(self, parent: Element, key: str, text: str) -> None:
        """Append a child with a text; characters that XML cannot hold become spaces."""
        written = _UNWRITABLE.sub(" ", text)
        if written != text:
            self._report.alter(
                "text", "control characters, which XML cannot hold, became spaces", f"{self._where}: {key}"
            )
        SubElement(parent, key).text = written


def _box(xml: _Xml, parent: Element, mask: BoolMask) -> None:
    left, top, right, bottom = box_of(mask) or (0, 0, 0, 0)
    box = SubElement(parent, "bndbox")
    for key, value in (
        ("xmin", left + 1),
        ("ymin", top + 1),
        ("xmax", right),
        ("ymax", bottom),
    ):  # the first pixel is 1
        xml.add(box, key, str(value))


def _label_map(classes: dict[str, int]) -> str:
    """One line a class, as CVAT writes and reads it: name, color, parts and actions, of which there are none."""
    palette = davis_palette()
    rows = ["# label:color_rgb:parts:actions"]
    for name, number in {"background": 0, **classes}.items():
        if number < VOC_VOID:
            red, green, blue = palette[3 * number : 3 * number + 3]
            rows.append(f"{label_map_name(name)}:{red},{green},{blue}::")
    return "\n".join(rows) + "\n"
