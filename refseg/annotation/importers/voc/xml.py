"""The XML files of Pascal VOC: boxes, polygons, and the elements that our own exports add."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

import cv2
import numpy as np

from refseg.annotation.encodings import decode
from refseg.annotation.importers.image_keys import stated_size
from refseg.annotation.importers.objects import ImportedObject
from refseg.annotation.importers.report import ImportReport
from refseg.annotation.importers.shapes import CUT, FAR, Points, box_corners, is_cut
from refseg.annotation.importers.source import Source
from refseg.annotation.importers.values import number
from refseg.annotation.layouts import UNNAMED, UNNAMED_KEY
from refseg.data.masks import BoolMask
from refseg.errors import DataError

MAX_XML_BYTES = 20_000_000
_ENCODING = re.compile(rb"""^\s*<\?xml[^>]*encoding\s*=\s*["']([A-Za-z0-9._-]+)""")
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_ATTRIBUTES = ("pose", "truncated", "difficult", "occluded", "part", "attributes", "actions")
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_DEFAULTS = ("", "0", "no", "false", "none", "unspecified")


@dataclass(frozen=True)
class VocObject:
    """An <object>. box: xmin, ymin, xmax, ymax as the file has them.  polygons: corners (N, 2) as the file has them.
    dropped: what it has besides.

    is_deleted: as the LabelMe of the web marks objects that its users removed.
    """

    where: str
    name: str = ""
    box: tuple[float, float, float, float] | None = None
    polygons: tuple[Points, ...] = ()
    expressions: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    is_deleted: bool = False


@dataclass(frozen=True)
class VocAnnotation:
    """The XML of one image.

    size: (height, width) as stated, None if it is missing.  has_edges: whether boxes are positions from 0, as CVAT and
    datumaro write them, rather than VOC's numbers of the first and last pixel, from 1.  no_target: expressions that
    name nothing in the image, a list for each entry.  keys: of our exports.
    """

    filename: str = ""
    size: tuple[int, int] | None = None
    objects: tuple[VocObject, ...] = ()
    no_target: tuple[tuple[str, ...], ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    has_edges: bool = False

    def corners(self, one: VocObject) -> Points | None:
        """Corners (4, 2) of the box in pixels; None for an object without one."""
        if one.box is None:
            return None
        (left, right), (top, bottom) = sorted((one.box[0], one.box[2])), sorted((one.box[1], one.box[3]))
        shift = 0 if self.has_edges else 1
        return box_corners(left - shift, top - shift, right, bottom)

    def shape_objects(self, height: int, width: int, report: ImportReport) -> Iterator[ImportedObject]:
        """Objects of an image without masks: polygons, otherwise boxes. height, width: that was annotated."""
        for one in self.objects:
            corners = self.corners(one)
            if one.is_deleted:
                report.skip("object", "that its tool marked as deleted", one.where)
                continue
            report_dropped(one, report)
            if corners is None and not one.polygons:
                yield ImportedObject(one.where, problem="without a box or polygon")
                continue
            outlines = one.polygons or ([] if corners is None else [corners])
            if any(is_cut(points, height, width) for points in outlines):
                report.alter("object", CUT, one.where)
            found = ImportedObject(one.where, expressions=one.expressions, category=one.name)
            if not one.polygons and corners is not None:
                yield replace(found, box=(*corners[0], *corners[2]))
            elif all((points == np.round(points)).all() for points in one.polygons):
                yield replace(found, mask=_contours_mask(one.polygons, height, width))
            else:
                yield replace(found, polygons=[points.ravel().tolist() for points in one.polygons])


def report_dropped(one: VocObject, report: ImportReport) -> None:
    """Count what an object has that a project cannot hold."""
    for key in one.dropped:
        report.alter("object", f"without its {key}", one.where)


def _contours_mask(polygons: tuple[Points, ...], height: int, width: int) -> BoolMask:
    """Mask (height, width) of polygons whose corners are pixels, counted from 1, that belong to the object, as
    supervision writes and reads them."""
    mask = np.zeros((height, width), dtype=np.uint8)
    for points in polygons:
        cv2.fillPoly(mask, [(points - 1).clip(-10_000, 100_000).astype(np.int32)], 1)
    return mask > 0


def read_xml(source: Source, file: str, report: ImportReport) -> Element:
    """A small XML file without a document type, and so without entities that it defines. Raises DataError."""
    path = source.path(file)
    try:
        if path.stat().st_size > MAX_XML_BYTES:
            raise DataError(
                f"{file} has more than {MAX_XML_BYTES // 1_000_000} MB, expected the annotation of an image"
            )
        text = _decode(path.read_bytes(), file, report)
        return _parse(_DECLARATION.sub("", text.lstrip("\ufeff")))
    except _DocumentTypeError:
        raise DataError(f"{file} has a document type, which an annotation does not need: remove it") from None
    except (expat.ExpatError, LookupError, ValueError, OSError) as error:
        raise DataError(f"{file} is not valid XML ({' '.join(str(error).split())[:120]})") from error


class _DocumentTypeError(Exception):
    """Raised inside the parser."""


def _decode(data: bytes, file: str, report: ImportReport) -> str:
    """By the encoding that the file declares, otherwise by its bytes."""
    declared = _ENCODING.match(data)
    if declared is not None and codecs.lookup(declared[1].decode("ascii")).name not in ("utf-8", "utf-16"):
        name = declared[1].decode("ascii")
        return data.decode("gb18030" if name.casefold() in ("gb2312", "gbk") else name)
    text, encoding = decode(data)
    if encoding in ("gbk", "cp1252"):
        report.alter("file", f"read as {'GBK' if encoding == 'gbk' else 'Windows-1252'} because it is not UTF-8", file)
    return text


def _parse(text: str) -> Element:
    builder = TreeBuilder()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data

    def refuse(*_: object) -> None:
        raise _DocumentTypeError

    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(text.encode("utf-8"), True)
    return builder.close()


def parse_annotation(root: Element, file: str) -> VocAnnotation:
    """What an XML file says. Raises DataError if it is of another format."""
    if root.tag != "annotation":
        raise DataError(f"{file} is not an annotation of Pascal VOC, its first element is <{root.tag[:40]}>")
    elements = root.findall("object")
    objects = tuple(_parse_object(element, f"{file}: object {n}") for n, element in enumerate(elements, start=1))
    boxes = [element.findtext(f"bndbox/{key}") or "" for element in elements for key in _SIDES]
    low = [one.box[:2] for one in objects if one.box is not None]
    return VocAnnotation(
        filename=" ".join((root.findtext("filename") or "").split()),
        size=stated_size(root.findtext("size/height"), root.findtext("size/width")),
        objects=objects,
        no_target=tuple(_expressions(element) for element in root.findall("absent")),
        keys={key: value for key in ("state", "clip", "frame") if (value := root.findtext(key)) is not None},
        has_edges=any("." in value for value in boxes) or any(value == 0 for pair in low for value in pair),
    )


def _parse_object(element: Element, where: str) -> VocObject:
    name = " ".join((element.findtext("name") or "").split())
    sides = [number(element.findtext(f"bndbox/{key}")) for key in _SIDES]
    known = [min(max(side, -FAR), FAR) for side in sides if side is not None]
    polygons = tuple(points for one in element.findall("polygon") if len(points := _parse_polygon(one)) >= 3)
    return VocObject(
        where=f"{where} {name}".rstrip(),
        name="" if name == UNNAMED and element.find(UNNAMED_KEY) is not None else name,
        box=(known[0], known[1], known[2], known[3]) if len(known) == 4 else None,
        polygons=polygons,
        expressions=_expressions(element),
        dropped=tuple(key for key in _ATTRIBUTES if _says_something(element, key)),
        is_deleted=_says_something(element, "deleted"),
    )


def _parse_polygon(element: Element) -> Points:
    """<x1>..<y1>..<x2>.. as Roboflow and supervision write it, or <pt><x>..<y>..</pt>..; (0, 2) if it is malformed."""
    values: dict[str, float | None] = {child.tag.casefold(): number(child.text) for child in element}
    numbers = sorted(int(tag[1:]) for tag in values if re.fullmatch(r"x[0-9]{1,6}", tag))
    pairs = [(values[f"x{one}"], values.get(f"y{one}")) for one in numbers]
    pairs += [(number(point.findtext("x")), number(point.findtext("y"))) for point in element.findall("pt")]
    if not pairs or any(x is None or y is None for x, y in pairs):
        return np.empty((0, 2))
    return np.array(pairs, dtype=np.float64).clip(-FAR, FAR)


def _expressions(element: Element) -> tuple[str, ...]:
    return tuple(one.text for one in element.findall("expression") if one.text and one.text.strip())


def _says_something(element: Element, key: str) -> bool:
    """Whether a flag is set or an element has parts."""
    found = element.find(key)
    if found is None:
        return False
    return len(found) > 0 or (found.text or "").strip().casefold() not in _DEFAULTS
