"""Pascal VOC: pictures, an XML of boxes for each, and PNGs of object and of class numbers with VOC's palette.

    JPEGImages/NAME.jpg               Annotations/NAME.xml
    SegmentationObject/NAME.png       0 for background, else the number of the <object> in the XML, from 1; 255, a border that is of none, is only read
    SegmentationClass/NAME.png        the class: VOC's own 20 have VOC's numbers, others follow; labelmap.txt lists them
    ImageSets/Segmentation/SPLIT.txt  the names of a split

Sentences are further elements, <expression>, of an object, and those about what is not in the picture of an element <absent>, which other tools pass over.
A pixel has one number: where masks overlap, that of the later layer.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import numpy as np

from refseg.annotation.exporters.images import Pictures, finished, portable, said
from refseg.annotation.layouts import DEFAULT_SPLIT, UNNAMED, VOC_CLASSES, VOC_VOID
from refseg.annotation.progress import Progress, silent
from refseg.annotation.records import Layer, PictureRecord
from refseg.annotation.sinks import Sink
from refseg.annotation.store import Project
from refseg.data.masks import BoolMask, box_of
from refseg.errors import ProjectError
from refseg.video.formats import davis_palette, palette_png

_UNWRITABLE = re.compile("[^\t\n -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def export_voc(project: Project, sink: Sink, progress: Progress = silent) -> int:
    """All pictures but skipped ones, as JPEGs; returns the number of masks. Raises ProjectError for more than 254 objects in a picture or classes."""
    pictures = Pictures(project, sink, jpeg=True)
    classes = {name: number for number, name in enumerate(VOC_CLASSES, start=1)}
    splits: dict[str, list[str]] = {}
    count = 0
    for record in finished(project, progress):
        name = pictures.put(record, "JPEGImages/")
        stem = name.removesuffix(".jpg")
        things = [(layer, mask) for layer in record.layers if not layer.absent and (mask := layer.pixels()) is not None and mask.any()]
        if len(things) >= VOC_VOID:
            raise ProjectError(f"{record.name} has {len(things)} masks, the format holds {VOC_VOID - 1}: remove some")
        numbers = np.zeros((2, record.height, record.width), dtype=np.uint8)  # of objects, of classes
        for number, (layer, mask) in enumerate(things, start=1):
            kind = classes.setdefault(layer.category or UNNAMED, len(classes) + 1)
            if kind >= VOC_VOID:
                raise ProjectError(
                    f"the project has more than {VOC_VOID - 1 - len(VOC_CLASSES)} categories beside VOC's own, the format holds no more"
                )
            numbers[:, mask] = np.array([[number], [kind]])
        sink.write(f"SegmentationObject/{stem}.png", palette_png(numbers[0]))
        sink.write(f"SegmentationClass/{stem}.png", palette_png(numbers[1]))
        sink.write(f"Annotations/{stem}.xml", _xml(record, name, project.name, things))
        splits.setdefault(portable(record.split or DEFAULT_SPLIT), []).append(f"{stem}\n")
        count += len(things)
    for split, names in splits.items():
        sink.write(f"ImageSets/Segmentation/{split}.txt", "".join(names).encode("utf-8"))
    sink.write("labelmap.txt", _label_map(classes).encode("utf-8"))
    return count


def _xml(record: PictureRecord, name: str, database: str, things: list[tuple[Layer, BoolMask]]) -> bytes:
    root = Element("annotation")
    _element(root, "folder", "JPEGImages")
    _element(root, "filename", name)
    _element(SubElement(root, "source"), "database", database)
    size = SubElement(root, "size")
    for key, value in (("width", record.width), ("height", record.height), ("depth", 3)):
        _element(size, key, str(value))
    _element(root, "segmented", "1")
    for layer, mask in things:
        thing = SubElement(root, "object")
        for key, text in (("name", layer.category or UNNAMED), ("pose", "Unspecified"), ("truncated", "0"), ("difficult", "0")):
            _element(thing, key, text)
        left, top, right, bottom = box_of(mask) or (0, 0, 0, 0)
        box = SubElement(thing, "bndbox")
        for key, value in (("xmin", left + 1), ("ymin", top + 1), ("xmax", right), ("ymax", bottom)):  # the first pixel is 1
            _element(box, key, str(value))
        for text in said(layer):
            _element(thing, "expression", text)
    for layer in record.layers:
        if layer.absent:
            absent = SubElement(root, "absent")
            for text in said(layer):
                _element(absent, "expression", text)
    indent(root)
    data: bytes = tostring(root, encoding="utf-8")
    return data


def _element(parent: Element, key: str, text: str) -> None:
    """A child that holds a text, less the characters that XML has no way to hold."""
    SubElement(parent, key).text = _UNWRITABLE.sub(" ", text)


def _label_map(classes: dict[str, int]) -> str:
    """One line a class, as CVAT writes and reads it: name, colour, parts and actions, of which there are none."""
    palette = davis_palette()
    rows = ["# label:color_rgb:parts:actions"]
    for name, number in {"background": 0, **classes}.items():
        red, green, blue = palette[3 * number : 3 * number + 3]
        rows.append(f"{' '.join(name.replace(':', ' ').split())}:{red},{green},{blue}::")
    return "\n".join(rows) + "\n"
