"""YOLO segmentation as Ultralytics reads it: images, a text file of polygons for each, and a list of classes.

    images/NAME, images/SPLIT/NAME    the images, in folders if the project has splits
    labels/NAME.txt, labels/SPLIT/..  a line for each mask: CLASS X1 Y1 X2 Y2 ..., from 0 to 1 of width and height
    data.yaml                         the folders of the splits and the names of the classes
    expressions.json                  of refseg, because labels hold no expressions: a list of
                                      {"image": PATH, "objects": [[TEXT, ...], ...], "absent": [[TEXT, ...], ...],
                                      "unnamed": [POSITION, ...]} and the keys of `image_keys`; objects in the order of
                                      the lines, `unnamed` the positions (from 0) of those without a category

A line is one ring. Holes and several pieces survive as cuts of no area, there and back: filled by the rule that a pixel
is inside if its center is, the ring is the mask to the pixel. OpenCV also sets the pixels that the line touches: it
fills a piece with its holes exactly, as the ring lies a little inside the mask, but adds a line of one pixel between
the pieces of a mask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import yaml

from refseg.annotation.export_output import write_json
from refseg.annotation.exporters.ids import class_numbers
from refseg.annotation.exporters.images import ImageWriter, category_of, image_keys, portable
from refseg.annotation.exporters.session import ExportSession, expressions_of
from refseg.annotation.layouts import DEFAULT_SPLIT, YOLO_EXPRESSIONS, YOLO_LIST, YOLO_OTHER_KEYS
from refseg.annotation.polygons import INSET, Ring, outline_of
from refseg.annotation.records import AnnotatedImage, Id
from refseg.data.masks import BoolMask

ULTRALYTICS_CORNERS = 1000  # it resamples longer outlines


def export_yolo(session: ExportSession) -> None:
    """All images; folders of splits if an image has a split. Class numbers are those of the YOLO data set that the
    project was imported from, if any."""
    image_writer = ImageWriter(session, stems=True, plain=True)
    divided = session.has_splits()
    folders: dict[str, str] = {}
    labels: list[tuple[str, list[_Line]]] = []
    rows: list[dict[str, Any]] = []
    for record in session.records():
        split = _folder(record.split) if divided else ""
        folders[split] = f"images/{split}".rstrip("/")
        name = image_writer.put(record, f"{folders[split]}/")
        lines, row = _lines(session, record)
        labels.append((Path("labels", split, name).with_suffix(".txt").as_posix(), lines))
        rows.append({"image": f"{folders[split]}/{name}", **row, **image_keys(record)})
    classes = class_numbers((line.category, line.number) for _, lines in labels for line in lines)
    for path, lines in labels:
        session.output.write(
            path, "".join(f"{classes.index(line.category)} {line.shares}\n" for line in lines).encode("ascii")
        )
    session.output.write(YOLO_LIST, _list(folders, classes).encode("utf-8"))
    write_json(session.output, YOLO_EXPRESSIONS, rows)


class _Line(NamedTuple):
    """An object: the name of its class, the class number of the data set that it was imported from, its ring as it is
    written."""

    category: str
    number: Id | None
    shares: str


def _folder(split: str) -> str:
    """The name of a split that is no other key of data.yaml."""
    name = portable(split or DEFAULT_SPLIT)
    return f"{name}_" if name in YOLO_OTHER_KEYS else name


def _lines(session: ExportSession, record: AnnotatedImage) -> tuple[list[_Line], dict[str, Any]]:
    """The lines of an image's label file, and what expressions.json says of it."""
    lines: list[_Line] = []
    objects = session.objects(record)
    for annotation, mask in objects:
        ring = outline_of(mask, INSET)
        # A data set that numbers images, as COCO does, has other numbers than class numbers.
        number = annotation.category_id if record.original_id is None else None
        lines.append(_Line(category_of(annotation), number, _shares(ring, mask.shape)))
        if len(ring) > ULTRALYTICS_CORNERS:
            session.report.alter(
                "mask",
                f"more than {ULTRALYTICS_CORNERS} corners, of which Ultralytics reads {ULTRALYTICS_CORNERS}",
                record.name,
            )
        if not np.array_equal(_with_outline(ring, mask.shape), mask):
            session.report.alter(
                "mask", "its pieces are joined by lines, which some readers fill one pixel wide", record.name
            )
    return lines, {
        "objects": [expressions_of(annotation) for annotation, _ in objects],
        "absent": session.no_target(record),
        "unnamed": [position for position, (annotation, _) in enumerate(objects) if not annotation.category],
    }


def _shares(ring: Ring, shape: tuple[int, ...]) -> str:
    height, width = shape
    return " ".join(f"{value:.7g}" for value in (ring / (width, height)).ravel().tolist())


def _with_outline(ring: Ring, shape: tuple[int, ...]) -> BoolMask:
    """The mask (H, W) of a reader that truncates positions and also sets the pixels that the line touches, as
    Ultralytics does."""
    canvas = np.zeros(shape, dtype=np.uint8)
    cv2.fillPoly(canvas, [ring.astype(np.int32)], 1)
    return canvas > 0


def _list(folders: Mapping[str, str], classes: Sequence[str]) -> str:
    """data.yaml; training needs a train and a val, so what is missing is the first folder there is."""
    first = next(iter(folders.values()), "images")
    splits = {"train": folders.get("train", first), "val": folders.get("val", first)}
    values = {
        **splits,
        **{split: folder for split, folder in folders.items() if split},
        "names": dict(enumerate(classes)),
    }
    text: str = yaml.safe_dump(values, allow_unicode=True, sort_keys=False)
    return f"# {YOLO_EXPRESSIONS} holds the expressions of each line of the labels\n{text}"
