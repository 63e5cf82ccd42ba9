"""Pascal VOC: pictures, an XML of boxes for each, and PNGs of object and of class numbers with VOC's palette.

    JPEGImages/NAME.jpg               Annotations/NAME.xml
    SegmentationObject/NAME.png       0 for background, else the number of the <object> in the XML, from 1; 255, a border that is of none, is only read
    SegmentationClass/NAME.png        the class: VOC's own 20 have VOC's numbers, others follow; labelmap.txt lists them
    ImageSets/Segmentation/SPLIT.txt  the names of a split

Sentences are further elements, <expression>, of an object, and those about what is not in the picture of an element <absent>, which other tools pass over.
A pixel has one number: where masks overlap, that of the later layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

import numpy as np

from refseg.annotation.disk import is_file
from refseg.annotation.importers.reading import inside, label_map, new_layer, read_text, take
from refseg.annotation.layouts import UNNAMED, VOC_VOID
from refseg.annotation.progress import Progress, followed, silent
from refseg.annotation.records import Layer
from refseg.annotation.store import Project
from refseg.errors import DataError

MAX_XML_BYTES = 20_000_000


ENDINGS = (".jpg", ".jpeg", ".png")


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
            for number in np.unique(labels[(labels > 0) & (labels < VOC_VOID)]).tolist():
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
