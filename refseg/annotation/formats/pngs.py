"""Masks as PNG files: images/, masks/PICTURE/ID.png (8 bits, 0 or 255), and masks.json, which says what each is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from refseg.annotation.formats.coco import finished
from refseg.annotation.records import Layer, now
from refseg.annotation.sinks import Sink, write_json
from refseg.annotation.store import Project
from refseg.data.masks import encode_rle
from refseg.data.refcoco import read_json
from refseg.errors import DataError
from refseg.images import load_image

LIST = "masks.json"


def export_png(project: Project, sink: Sink) -> int:
    """All masks, empty ones too; returns how many."""
    rows: list[dict[str, Any]] = []
    for record in finished(project):
        sink.copy(f"images/{record.name}", project.picture_path(record))
        for number, layer in enumerate(record.layers):
            mask = layer.pixels()
            row: dict[str, Any] = {"image": f"images/{record.name}", "mask": None, "category": layer.category, "absent": layer.absent}
            if mask is not None and not layer.absent:
                row["mask"] = f"masks/{record.name}/{number:03d}.png"
                _, data = cv2.imencode(".png", mask.astype(np.uint8) * 255)
                sink.write(row["mask"], data.tobytes())
            rows.append({**row, "expressions": list(layer.expressions), "split": record.split})
    write_json(sink, LIST, rows)
    return sum(row["mask"] is not None for row in rows)


def import_png(root: Path, project: Project) -> int:
    """What `export_png` writes; returns the number of masks. Raises DataError, ImageError or ProjectError."""
    rows = read_json(root / LIST)
    if not isinstance(rows, list) or not all(isinstance(row, dict) and isinstance(row.get("image"), str) for row in rows):
        raise DataError(f"{root / LIST} is not what was expected: a list of masks, each with its image")
    count = 0
    for image in dict.fromkeys(row["image"] for row in rows):
        record = project.add_picture(_inside(root, image))
        layers, split = [], ""
        for number, row in enumerate(one for one in rows if one["image"] == image):
            said = row.get("expressions", [])
            if not isinstance(said, list) or not all(isinstance(text, str) for text in said):
                raise DataError(f"{root / LIST} has expressions of {image} that are not a list of texts")
            split = str(row.get("split") or "")
            layer = Layer(str(number + 1), tuple(said), str(row.get("category") or ""), absent=row.get("absent") is True, created=now())
            if isinstance(row.get("mask"), str):
                mask = load_image(_inside(root, row["mask"]))[..., 0] >= 128
                if mask.shape != (record.height, record.width):
                    raise DataError(
                        f"{row['mask']} has {mask.shape[1]} x {mask.shape[0]} pixels, its picture {record.width} x {record.height}: mend it"
                    )
                layer = replace(layer, mask=encode_rle(mask))
                count += 1
            layers.append(layer)
        project.save(replace(record, layers=tuple(layers), split=split, state="accepted"))
    return count


def _inside(root: Path, name: str) -> Path:
    """A file under the root. Raises DataError for one that is not."""
    path = (root / name).resolve()
    if "\\" in name or not path.is_relative_to(root.resolve()):
        raise DataError(f"{root / LIST} names {name!r}, expected a file inside {root}")
    return path
