"""Data sets as tools write them, and what an import makes of them."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from refseg.annotation.importers import import_from
from refseg.annotation.importers.report import ImportReport
from refseg.annotation.project import Project
from refseg.annotation.records import AnnotatedImage, Annotation

HEIGHT, WIDTH = 80, 120
MUG, SPOON = (slice(20, 40), slice(30, 70)), (slice(50, 70), slice(80, 110))  # 800 and 600 pixels


def area_mask(*areas: tuple[slice, slice], shape: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    mask = np.zeros(shape, bool)
    for area in areas:
        mask[area] = True
    return mask


def label_array(dtype: Any = np.uint8, mug: int = 1, spoon: int = 2) -> np.ndarray:
    labels = np.zeros((HEIGHT, WIDTH), dtype)
    labels[MUG], labels[SPOON] = mug, spoon
    return labels


def write_image(path: Path, height: int = HEIGHT, width: int = WIDTH, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


def write_array(path: Path, array: np.ndarray, palette: list[int] | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(array)
    if palette is not None:
        image = (
            image.convert("P")
            if image.mode != "L"
            else Image.frombytes("P", image.size, np.ascontiguousarray(array).tobytes())
        )
        image.putpalette(palette)
    image.save(path)
    return path


def write_text(path: Path, content: str | bytes | Any, encoding: str = "utf-8") -> Path:
    """Text, bytes as they are, and anything else as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(
            content if isinstance(content, str) else json.dumps(content, ensure_ascii=False), encoding=encoding
        )
    return path


def png_base64(array: np.ndarray) -> str:
    data = io.BytesIO()
    Image.fromarray(array).save(data, format="PNG")
    return base64.b64encode(data.getvalue()).decode()


@dataclass(frozen=True)
class Imported:
    report: ImportReport
    records: Mapping[str, AnnotatedImage]

    @property
    def record(self) -> AnnotatedImage:
        """The only image."""
        (record,) = self.records.values()
        return record

    @property
    def annotations(self) -> tuple[Annotation, ...]:
        return self.record.annotations

    @property
    def areas(self) -> list[tuple[str, int]]:
        """Category and number of pixels of each object of the only image."""
        return [
            (annotation.category, 0 if (mask := annotation.decode_mask()) is None else int(mask.sum()))
            for annotation in self.annotations
        ]

    def skipped(self) -> dict[str, int]:
        return {f"{noun} {reason}": tally.count for (noun, reason), tally in self.report.skipped.items()}

    def altered(self) -> dict[str, int]:
        return {f"{noun} {reason}": tally.count for (noun, reason), tally in self.report.altered.items()}


def read_data_set(name: str | None, root: Path) -> Imported:
    project = Project.create(root.parent / f"project of {root.name}")
    report = import_from(name, root, project)
    records = {entry.name: project.record(entry.name) for entry in project.summaries}
    assert report.images == len(records)
    assert report.objects == sum(
        annotation.mask is not None for record in records.values() for annotation in record.annotations
    )
    for record in records.values():
        for annotation in record.annotations:
            assert annotation.no_target or annotation.decode_mask().any(), "an object without a pixel was imported"
    return Imported(report, records)
