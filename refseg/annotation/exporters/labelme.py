"""LabelMe: a JSON beside each image.

Shapes are masks (LabelMe 5.3 and later: a PNG of the mask's box, exact and with holes) or polygons (any version: one
for each piece of a mask, those of an object in one group, with cuts of no area to their holes). The label is the
category, the description holds the expressions, one a line. Further keys, which LabelMe keeps when it saves: `split`,
`state`, `clip`, `frame` and `absent` (no-target entries: a list of lists of expressions) of an image, `unnamed` of a
shape.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from refseg.annotation.export_output import write_json
from refseg.annotation.exporters.images import ImageWriter, category_of, image_keys
from refseg.annotation.exporters.session import DrawnObject, ExportSession, expressions_of
from refseg.annotation.layouts import UNNAMED_KEY
from refseg.annotation.polygons import INSET, outlines_of
from refseg.data.masks import BoolMask, box_of

VERSION = "5.5.0"  # of LabelMe, whose files are like these

Shapes = Callable[[BoolMask, int], list[dict[str, Any]]]
"""The shapes of a mask (H, W), as the keys that differ; the number is free for a group."""


def export_labelme(session: ExportSession) -> None:
    """All images; a shape of the type "mask" for each object."""
    _export(session, _mask_shape)


def export_labelme_polygons(session: ExportSession) -> None:
    """All images; a polygon for each piece of each object."""
    _export(session, _polygon_shapes)


def _export(session: ExportSession, shapes_of: Shapes) -> None:
    image_writer = ImageWriter(session, stems=True, plain=True)
    for record in session.records():
        name = image_writer.put(record)
        objects = session.objects(record)
        for text in (
            " ".join(text.split("\n")) for one in objects for text in expressions_of(one.annotation) if "\n" in text
        ):
            session.report.alter("expression", "line breaks became spaces", f"{record.name}: {text}")
        values: dict[str, Any] = {
            "version": VERSION,
            "flags": {},
            "shapes": [
                shape for number, one in enumerate(objects, start=1) for shape in _shapes(one, number, shapes_of)
            ],
            "imagePath": name,
            "imageData": None,
            "imageHeight": record.height,
            "imageWidth": record.width,
            **image_keys(record),
            "absent": session.no_target(record),
        }
        write_json(session.output, Path(name).with_suffix(".json").name, values)


def _shapes(one: DrawnObject, number: int, shapes_of: Shapes) -> list[dict[str, Any]]:
    known = {
        "label": category_of(one.annotation),
        "description": "\n".join(text.replace("\n", " ") for text in expressions_of(one.annotation)),
        "flags": {},
        **({} if one.annotation.category else {UNNAMED_KEY: True}),
    }
    return [known | shape for shape in shapes_of(one.mask, number)]


def _mask_shape(mask: BoolMask, number: int) -> list[dict[str, Any]]:
    left, top, right, bottom = box_of(mask) or (0, 0, 0, 0)
    _, png = cv2.imencode(".png", mask[top:bottom, left:right].astype(np.uint8) * 255)
    return [
        {
            "points": [
                [float(left), float(top)],
                [float(right - 1), float(bottom - 1)],
            ],  # the last pixels, not their ends
            "group_id": None,
            "shape_type": "mask",
            "mask": base64.b64encode(png.tobytes()).decode("ascii"),
        }
    ]


def _polygon_shapes(mask: BoolMask, number: int) -> list[dict[str, Any]]:
    rings = outlines_of(mask, INSET)
    group = number if len(rings) > 1 else None
    return [{"points": ring.tolist(), "group_id": group, "shape_type": "polygon", "mask": None} for ring in rings]
