"""YOLO segmentation as Ultralytics reads it: pictures, a text file of polygons for each, and a list of classes.

    images/NAME, images/SPLIT/NAME    the pictures, in folders where the project has splits
    labels/NAME.txt, labels/SPLIT/..  a line for each mask: CLASS X1 Y1 X2 Y2 ..., from 0 to 1 of the picture's width and height
    data.yaml                         the folders of the splits and the names of the classes
    expressions.json                  of this project, as the labels hold no sentences: a list of {"image": PATH, "objects": [[TEXT, ...], ...],
                                      "absent": [[TEXT, ...], ...]}, objects in the order of the lines

A line is one ring. Holes and several pieces survive as cuts without area join them, there and back: filled by the rule that a pixel is inside where its
centre is, the ring is the mask to the pixel. OpenCV, which sets what the line touches too, sees a piece with its holes to the pixel, as the ring lies a
little inside the mask, and between pieces a line of one pixel.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from refseg.annotation.exporters.images import Pictures, finished, portable, said
from refseg.annotation.layouts import DEFAULT_SPLIT, UNNAMED, YOLO_EXPRESSIONS, YOLO_LIST, YOLO_OTHER_KEYS
from refseg.annotation.polygons import INSET, joined, outlines_of
from refseg.annotation.progress import Progress, silent
from refseg.annotation.sinks import Sink, write_json
from refseg.annotation.store import Project
from refseg.data.masks import BoolMask


def export_yolo(project: Project, sink: Sink, progress: Progress = silent) -> int:
    """All pictures but skipped ones; returns the number of masks."""
    pictures = Pictures(project, sink, stems=True)
    divided = any(record.split for record in finished(project))
    classes: dict[str, int] = {}
    folders: dict[str, str] = {}
    sentences: list[dict[str, Any]] = []
    count = 0
    for record in finished(project, progress):
        split = portable(record.split or DEFAULT_SPLIT) if divided else ""
        split += "_" if split in YOLO_OTHER_KEYS else ""
        folders[split] = f"images/{split}".rstrip("/")
        name = pictures.put(record, f"{folders[split]}/")
        lines, objects = [], []
        for layer in record.layers:
            mask = None if layer.absent else layer.pixels()
            if mask is not None and mask.any():
                number = classes.setdefault(layer.category or UNNAMED, len(classes))
                lines.append(f"{number} {_ring(mask)}\n")
                objects.append(said(layer))
        labels = Path("labels", split, name).with_suffix(".txt").as_posix()
        sink.write(labels, "".join(lines).encode("ascii"))
        absent = [said(layer) for layer in record.layers if layer.absent]
        sentences.append({"image": f"{folders[split]}/{name}", "objects": objects, "absent": absent})
        count += len(lines)
    sink.write(YOLO_LIST, _list(folders, classes).encode("utf-8"))
    write_json(sink, YOLO_EXPRESSIONS, sentences)
    return count


def _ring(mask: BoolMask) -> str:
    height, width = mask.shape
    ring = joined(outlines_of(mask, INSET)) / (width, height)
    return " ".join(f"{value:.7g}" for value in ring.ravel().tolist())


def _list(folders: Mapping[str, str], classes: Mapping[str, int]) -> str:
    """data.yaml; training needs a train and a val, so what is missing is the first folder there is."""
    first = next(iter(folders.values()), "images")
    splits = {"train": folders.get("train", first), "val": folders.get("val", first)}
    values = {**splits, **{split: folder for split, folder in folders.items() if split}, "names": {n: name for name, n in classes.items()}}
    text: str = yaml.safe_dump(values, allow_unicode=True, sort_keys=False)
    return f"# {YOLO_EXPRESSIONS} holds what is said of each line of the labels\n{text}"
