"""Masks as PNG files: images/, masks/PICTURE/ID.png (8 bits, 0 or 255), and masks.json, which says what each is."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from refseg.annotation.exporters.images import Pictures, finished
from refseg.annotation.layouts import PNG_LIST
from refseg.annotation.progress import Progress, silent
from refseg.annotation.sinks import Sink, write_json
from refseg.annotation.store import Project


def export_png(project: Project, sink: Sink, progress: Progress = silent) -> int:
    """All masks, empty ones too; returns how many."""
    rows: list[dict[str, Any]] = []
    pictures = Pictures(project, sink)
    for record in finished(project, progress):
        name = pictures.put(record, "images/")
        for number, layer in enumerate(record.layers):
            mask = layer.pixels()
            row: dict[str, Any] = {"image": f"images/{name}", "mask": None, "category": layer.category, "absent": layer.absent}
            if mask is not None and not layer.absent:
                row["mask"] = f"masks/{name}/{number:03d}.png"
                _, data = cv2.imencode(".png", mask.astype(np.uint8) * 255)
                sink.write(row["mask"], data.tobytes())
            rows.append({**row, "expressions": list(layer.expressions), "split": record.split})
    write_json(sink, PNG_LIST, rows)
    return sum(row["mask"] is not None for row in rows)
