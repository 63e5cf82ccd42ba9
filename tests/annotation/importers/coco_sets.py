"""Small data sets as other tools write them."""

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from refseg.annotation.importers import import_from
from refseg.annotation.importers.report import ImportReport
from refseg.annotation.project import Project
from refseg.annotation.records import AnnotatedImage

SIZE = (80, 120)  # height, width
MUG = [30, 20, 70, 20, 70, 40, 30, 40]  # a polygon of 800 pixels
MUG_BOX = [30, 20, 40, 20]
MUG_AREA = 800


def mug_mask(size: tuple[int, int] = SIZE) -> np.ndarray:
    """The mask of the mug, bool (H, W)."""
    mask = np.zeros(size, bool)
    mask[20:40, 30:70] = True
    return mask


def write_image(path: Path, size: tuple[int, int] = SIZE, orientation: int = 1) -> Path:
    """A gray image of (height, width) as it is stored, in the format of its suffix; orientation: of EXIF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((*size, 3), 128, np.uint8)
    if orientation == 1:
        ok, data = cv2.imencode(path.suffix.lower(), pixels)
        assert ok
        path.write_bytes(data.tobytes())
    else:
        exif = Image.Exif()
        exif[0x112] = orientation
        Image.fromarray(pixels).save(path, exif=exif)
    return path


def png_with(path: Path, chunk: bytes, data: bytes) -> Path:
    """A PNG with one more chunk after its header."""
    write_image(path)
    whole = path.read_bytes()
    added = struct.pack(">I", len(data)) + chunk + data + struct.pack(">I", zlib.crc32(chunk + data))
    path.write_bytes(whole[:33] + added + whole[33:])
    return path


def coco(**changes: Any) -> dict[str, Any]:
    """One image a.jpg with the mug. changes: other keys of the one annotation ("annotation") or image ("image"), or
    whole lists.
    """
    image = {"id": 1, "file_name": "a.jpg", "width": SIZE[1], "height": SIZE[0], **changes.pop("image", {})}
    annotation = {
        "id": 1,
        "image_id": 1,
        "category_id": 1,
        "iscrowd": 0,
        "area": MUG_AREA,
        "bbox": MUG_BOX,
        "segmentation": [MUG],
    }
    annotation |= changes.pop("annotation", {})
    return {"images": [image], "annotations": [annotation], "categories": [{"id": 1, "name": "mug"}], **changes}


def ref(number: int = 1, ann_id: Any = 1, sentences: Any = ("the white mug",), **keys: Any) -> dict[str, Any]:
    """A ref of the RefCOCO family about the first image."""
    said = [{"sent": text, "raw": text, "sent_id": 10 * number + place} for place, text in enumerate(sentences)]
    return {"ref_id": number, "ann_id": ann_id, "image_id": 1, "split": "train", "sentences": said, **keys}


def write_json(path: Path, values: Any, encoding: str = "utf-8") -> Path:
    """A JSON file; characters are written as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(json.dumps(values, ensure_ascii=False).encode(encoding))
    return path


def imported(name: str | None, folder: Path) -> tuple[Project, ImportReport]:
    """A new project with the data set, beside it."""
    project = Project.create(folder.parent / f"project of {folder.name}")
    return project, import_from(name, folder, project)


def records(project: Project) -> dict[str, AnnotatedImage]:
    """All records by name."""
    return {entry.name: project.record(entry.name) for entry in project.summaries}


def areas(record: AnnotatedImage) -> list[int]:
    """Pixels of each mask."""
    return [int(mask.sum()) for annotation in record.annotations if (mask := annotation.decode_mask()) is not None]


def reasons(report: ImportReport) -> dict[tuple[str, str], int]:
    """(noun, reason) -> count of what was skipped or altered."""
    return {key: tally.count for tallies in (report.skipped, report.altered) for key, tally in tallies.items()}
