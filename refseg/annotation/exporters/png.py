"""Masks as PNG files of 8 bits, 0 or 255.

images/NAME              the images
masks/NAME/NUMBER.png    one for each mask
masks.json               what each mask is, and no-target entries: [{"image", "mask", "category", "absent", "expressions", "split"}]
images.json              what is known of each image: [{"image", "split", "state", "clip", "frame"}]
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from refseg.annotation.exporters.images import Pictures, image_keys
from refseg.annotation.exporters.session import ExportSession, said
from refseg.annotation.layouts import PNG_IMAGES, PNG_LIST
from refseg.annotation.records import PictureRecord
from refseg.annotation.sinks import write_json
from refseg.errors import DataError


def export_png(session: ExportSession) -> None:
    """Everything: the format also holds empty masks and objects that have no mask yet."""
    rows: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    pictures = Pictures(session)
    for record in session.records():
        name = pictures.put(record, "images/")
        images.append({"image": f"images/{name}", **image_keys(record)})
        rows += [{"image": f"images/{name}", **row, "split": record.split} for row in _rows(session, record, name)]
    write_json(session.sink, PNG_LIST, rows)
    write_json(session.sink, PNG_IMAGES, images)


def _rows(session: ExportSession, record: PictureRecord, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for number, layer in enumerate(record.layers):
        row: dict[str, Any] = {"mask": None, "category": layer.category, "absent": layer.absent, "expressions": list(layer.expressions)}
        try:
            mask = None if layer.absent else layer.pixels()
        except DataError as error:
            session.report.skip("object", "its mask is damaged", f"{record.name}: {layer.id}: {error}")
            continue
        if mask is not None:
            row["mask"] = f"masks/{name}/{number:03d}.png"
            _, data = cv2.imencode(".png", mask.astype(np.uint8) * 255)
            session.sink.write(row["mask"], data.tobytes())
            session.report.objects += 1
        session.report.no_target += layer.absent
        session.report.expressions += len(said(layer))
        rows.append(row)
    return rows
