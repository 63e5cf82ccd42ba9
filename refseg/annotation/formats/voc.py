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
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, TreeBuilder, indent, tostring
from xml.parsers import expat

import numpy as np

from refseg.annotation.disk import is_file
from refseg.annotation.formats.pictures import DEFAULT_SPLIT, UNNAMED, Pictures, finished, portable, said
from refseg.annotation.formats.reading import inside, label_map, new_layer, read_text, take
from refseg.annotation.progress import Progress, followed, silent
from refseg.annotation.records import Layer, PictureRecord
from refseg.annotation.sinks import Sink
from refseg.annotation.store import Project
from refseg.data.masks import BoolMask, box_of
from refseg.errors import DataError, ProjectError
from refseg.video.formats import davis_palette, palette_png

CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
VOID = 255
MAX_XML_BYTES = 20_000_000
_UNWRITABLE = re.compile("[^\t\n -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
ENDINGS = (".jpg", ".jpeg", ".png")


def export_voc(project: Project, sink: Sink, progress: Progress = silent) -> int:
    """All pictures but skipped ones, as JPEGs; returns the number of masks. Raises ProjectError for more than 254 objects in a picture or classes."""
    pictures = Pictures(project, sink, jpeg=True)
    classes = {name: number for number, name in enumerate(CLASSES, start=1)}
    splits: dict[str, list[str]] = {}
    count = 0
    for record in finished(project, progress):
        name = pictures.put(record, "JPEGImages/")
        stem = name.removesuffix(".jpg")
        things = [(layer, mask) for layer in record.layers if not layer.absent and (mask := layer.pixels()) is not None and mask.any()]
        if len(things) >= VOID:
            raise ProjectError(f"{record.name} has {len(things)} masks, the format holds {VOID - 1}: remove some")
        numbers = np.zeros((2, record.height, record.width), dtype=np.uint8)  # of objects, of classes
        for number, (layer, mask) in enumerate(things, start=1):
            kind = classes.setdefault(layer.category or UNNAMED, len(classes) + 1)
            if kind >= VOID:
                raise ProjectError(
                    f"the project has more than {VOID - 1 - len(CLASSES)} categories beside VOC's own, the format holds no more"
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


def import_voc(root: Path, project: Project, progress: Progress = silent) -> int:
    """The pictures that ImageSets/Segmentation names, else all that have object numbers; returns the number of masks.

    The categories are those of the XML's objects; one that has no pixel is left out. Raises DataError, ImageError or ProjectError.
    """
    folders = [folder for folder in (root, *root.glob("VOC*"), *root.glob("VOCdevkit/VOC*")) if (folder / "JPEGImages").is_dir()]
    if len(folders) != 1:
        raise DataError(
            f"{root} has {len(folders)} folders JPEGImages, expected one, there or in VOCdevkit/VOC2012: give the folder that is meant"
        )
    root = folders[0]
    splits = _splits(root) or {path.stem: "" for path in sorted((root / "SegmentationObject").glob("*.png"))}
    if not splits:
        raise DataError(f"{root} names no pictures in ImageSets/Segmentation and has none in SegmentationObject")
    return sum(_take(root, project, name, split) for name, split in followed(splits.items(), progress))


def _splits(root: Path) -> dict[str, str]:
    """The split of each picture by its name; trainval holds others together, so it counts for those alone that are in no other."""
    lists = sorted((root / "ImageSets" / "Segmentation").glob("*.txt"), key=lambda path: (path.stem == "trainval", path.stem))
    found: dict[str, str] = {}
    for path in lists:
        for line in read_text(path).splitlines():
            if line.strip():
                found.setdefault(line.strip(), path.stem)
    return found


def _take(root: Path, project: Project, name: str, split: str) -> int:
    said_in = root / "ImageSets"
    ending = next((ending for ending in ENDINGS[1:] if is_file(root / f"JPEGImages/{name}{ending}")), ENDINGS[0])
    path = inside(root, f"JPEGImages/{name}{ending}", said_in)
    xml, numbers = f"Annotations/{name}.xml", f"SegmentationObject/{name}.png"
    known = read_xml(inside(root, xml, said_in)) if is_file(root / xml) else Element("annotation")
    things = known.findall("object")

    def layers(height: int, width: int) -> Iterator[Layer]:
        if is_file(root / numbers):
            labels = label_map(inside(root, numbers, said_in), height, width)
            for number in np.unique(labels[(labels > 0) & (labels < VOID)]).tolist():
                thing = things[number - 1] if number <= len(things) else Element("object")
                category = " ".join((thing.findtext("name") or "").split())
                yield new_layer(str(number), labels == number, _expressions(thing), "" if category == UNNAMED else category)
        for number, absent in enumerate(known.findall("absent"), start=1):
            yield new_layer(f"absent-{number}", None, _expressions(absent), absent=True)

    return take(project, path, layers, split=split)


def _expressions(thing: Element) -> list[str]:
    return [element.text for element in thing.findall("expression") if element.text and element.text.strip()]


def read_xml(path: Path) -> Element:
    """A small XML file without a document type, and so without entities of its own. Raises DataError."""
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data

    def refuse(*_: object) -> None:
        raise DataError(f"{path} has a document type, which an annotation has no need of: remove it")

    parser.StartDoctypeDeclHandler = refuse
    try:
        if path.stat().st_size > MAX_XML_BYTES:
            raise DataError(f"{path} has more than {MAX_XML_BYTES // 1_000_000} MB, expected the annotation of a picture")
        parser.Parse(path.read_bytes(), True)
        return builder.close()
    except (expat.ExpatError, LookupError, ValueError, OSError) as error:
        raise DataError(f"{path} is not valid XML ({' '.join(str(error).split())[:120]})") from error
