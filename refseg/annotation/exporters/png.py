"""Masks as PNG files of 8 bits, 0 or 255.

images/NAME              the images masks/NAME/NUMBER.png    one for each mask masks.json               what each mask
is, and no-target entries: [{"image", "mask", "category", "absent", "expressions", "split"}] images.json
what is known of each image: [{"image", "split", "state", "clip", "frame"}]
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from refseg.annotation.export_output import write_json
from refseg.annotation.exporters.images import ImageWriter, image_keys
from refseg.annotation.exporters.session import ExportSession, expressions_of
from refseg.annotation.layouts import PNG_IMAGES, PNG_LIST
from refseg.annotation.records import AnnotatedImage
from refseg.errors import DataError


def export_png(session: ExportSession) -> None:
    """Everything: the format also holds empty masks and objects that have no mask yet."""
    rows: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    image_writer = ImageWriter(session)
    for record in session.records():
        name = image_writer.put(record, "images/")
        images.append({"image": f"images/{name}", **image_keys(record)})
        rows += [{"image": f"images/{name}", **row, "split": record.split} for row in _rows(session, record, name)]
    write_json(session.output, PNG_LIST, rows)
    write_json(session.output, PNG_IMAGES, images)


def _rows(session: ExportSession, record: AnnotatedImage, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for number, annotation in enumerate(record.annotations):
        row: dict[str, Any] = {
            "mask": None,
            "category": annotation.category,
            "absent": annotation.no_target,
            "expressions": list(annotation.expressions),
        }
        try:
            mask = None if annotation.no_target else annotation.decode_mask()
        except DataError as error:
            session.report.skip("object", "its mask is damaged", f"{record.name}: {annotation.id}: {error}")
            continue
        if mask is not None:
            row["mask"] = f"masks/{name}/{number:03d}.png"
            _, data = cv2.imencode(".png", mask.astype(np.uint8) * 255)
            session.output.write(row["mask"], data.tobytes())
            session.report.objects += 1
        session.report.no_target += annotation.no_target
        session.report.expressions += len(expressions_of(annotation))
        rows.append(row)
    return rows
