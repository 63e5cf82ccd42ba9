"""Masks as PNG files: images/, masks/PICTURE/ID.png (8 bits, 0 or 255), and masks.json, which says what each is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from refseg.annotation.importers.reading import inside, new_layer, take, texts
from refseg.annotation.layouts import PNG_LIST
from refseg.annotation.progress import Progress, followed, silent
from refseg.annotation.records import Layer
from refseg.annotation.store import Project
from refseg.data.json_entries import read_json
from refseg.data.masks import BoolMask
from refseg.errors import DataError
from refseg.images import load_image


def import_png(root: Path, project: Project, progress: Progress = silent) -> int:
    """What `export_png` writes; returns the number of masks. Raises DataError, ImageError or ProjectError."""
    rows = read_json(root / PNG_LIST)
    if not isinstance(rows, list) or not all(isinstance(row, dict) and isinstance(row.get("image"), str) for row in rows):
        raise DataError(f"{root / PNG_LIST} is not what was expected: a list of masks, each with its image")
    rows_of: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        rows_of.setdefault(row["image"], []).append(row)
    for path in sorted((root / "images").glob("*")):
        rows_of.setdefault(f"images/{path.name}", [])  # pictures without masks
    return sum(_take(root, project, image, said) for image, said in followed(rows_of.items(), progress))


def _take(root: Path, project: Project, image: str, rows: list[dict[str, Any]]) -> int:
    def layers(height: int, width: int) -> Iterator[Layer]:
        for number, row in enumerate(rows, start=1):
            said = texts(row.get("expressions"), f"{root / PNG_LIST}, expressions of {image}")
            mask = _mask(root, row["mask"], height, width) if isinstance(row.get("mask"), str) else None
            yield new_layer(str(number), mask, said, str(row.get("category") or ""), row.get("absent") is True)

    return take(project, inside(root, image, root / PNG_LIST), layers, split=next((str(row.get("split") or "") for row in rows), ""))


def _mask(root: Path, name: str, height: int, width: int) -> BoolMask:
    mask: BoolMask = load_image(inside(root, name, root / PNG_LIST))[..., 0] >= 128
    if mask.shape != (height, width):
        raise DataError(f"{name} has {mask.shape[1]} x {mask.shape[0]} pixels, its picture {width} x {height}: mend it")
    return mask
