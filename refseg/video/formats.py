"""A clip's masks in the layouts that video segmentation uses: DAVIS (palette PNGs) and Ref-YouTube-VOS (meta_expressions.json)."""

import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from refseg.files import replacing

NAME_LIMIT = 80


def davis_palette() -> list[int]:
    """The 256 colours of the PASCAL VOC and DAVIS labels, flat: each label's bits, three at a time, go to red, green and blue from the top bit down."""
    colours = []
    for label in range(256):
        channels = [0, 0, 0]
        for bit in range(8):
            for channel in range(3):
                channels[channel] |= ((label >> (3 * bit + channel)) & 1) << (7 - bit) if 3 * bit + channel < 8 else 0
        colours += channels
    return colours


def palette_png(labels: NDArray[np.uint8]) -> bytes:
    """labels (H, W), 0 for background -> an indexed PNG with the palette of DAVIS."""
    indexed = Image.frombytes("P", (labels.shape[1], labels.shape[0]), np.ascontiguousarray(labels).tobytes())
    indexed.putpalette(davis_palette())
    data = io.BytesIO()
    indexed.save(data, format="PNG", optimize=False)
    return data.getvalue()


def write_masks(path: Path, sequence: str, masks: Iterable[NDArray[np.bool_]], names: Iterable[str]) -> None:
    """A zip of Annotations/SEQUENCE/NAME.png, one for each mask (H, W), written as they come; whole or not at all."""
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for mask, name in zip(masks, names, strict=True):
            archive.writestr(f"Annotations/{safe_name(sequence)}/{name}.png", palette_png(mask.astype(np.uint8)))


def meta_expressions(sequence: str, expressions: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    """What meta_expressions.json of Ref-YouTube-VOS says of one clip with one thing in it."""
    said = {str(number): {"exp": expression, "obj_id": "1"} for number, expression in enumerate(expressions)}
    return {"videos": {safe_name(sequence): {"expressions": said, "frames": list(names)}}}


def write_json(path: Path, record: dict[str, Any]) -> None:
    """JSON in UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def frame_names(indices: Iterable[int]) -> list[str]:
    """00000, 00005, ...: a frame is called by its index in the clip, as in Ref-YouTube-VOS."""
    return [f"{index:05d}" for index in indices]


def safe_name(name: str) -> str:
    """A clip's name as the name of a folder on any system: letters, digits, "-" and "_" only."""
    kept = "".join(character if character.isascii() and (character.isalnum() or character in "-_") else "_" for character in name)
    return kept[:NAME_LIMIT].strip("_") or "clip"
