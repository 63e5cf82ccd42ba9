"""LabelMe: a JSON beside each picture.

Written are shapes of the type "mask" (LabelMe 5.3 and later): a PNG of the mask's box, so to the pixel and with holes. The label is the category, the
description holds the expressions, one a line. What LabelMe has no place for are further entries of the JSON, which it keeps: `split`, and `absent`, a
list of lists of expressions.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from refseg.annotation.exporters.images import Pictures, finished, said
from refseg.annotation.layouts import UNNAMED
from refseg.annotation.progress import Progress, silent
from refseg.annotation.records import Layer
from refseg.annotation.sinks import Sink, write_json
from refseg.annotation.store import Project
from refseg.data.masks import box_of

VERSION = "5.5.0"  # of LabelMe, whose files are like these


def export_labelme(project: Project, sink: Sink, progress: Progress = silent) -> int:
    """All pictures but skipped ones; returns the number of masks."""
    pictures = Pictures(project, sink, stems=True)
    count = 0
    for record in finished(project, progress):
        name = pictures.put(record)
        shapes = [shape for layer in record.layers if not layer.absent and (shape := _shape(layer)) is not None]
        values: dict[str, Any] = {
            "version": VERSION,
            "flags": {},
            "shapes": shapes,
            "imagePath": name,
            "imageData": None,
            "imageHeight": record.height,
            "imageWidth": record.width,
            "split": record.split,
            "absent": [said(layer) for layer in record.layers if layer.absent],
        }
        write_json(sink, Path(name).with_suffix(".json").name, values)
        count += len(shapes)
    return count


def _shape(layer: Layer) -> dict[str, Any] | None:
    mask = layer.pixels()
    box = None if mask is None else box_of(mask)
    if mask is None or box is None:
        return None
    left, top, right, bottom = box
    _, png = cv2.imencode(".png", mask[top:bottom, left:right].astype(np.uint8) * 255)
    return {
        "label": layer.category or UNNAMED,
        "points": [[float(left), float(top)], [float(right - 1), float(bottom - 1)]],  # the last pixels, not their ends
        "group_id": None,
        "description": "\n".join(text.replace("\n", " ") for text in said(layer)),
        "shape_type": "mask",
        "flags": {},
        "mask": base64.b64encode(png.tobytes()).decode("ascii"),
    }
