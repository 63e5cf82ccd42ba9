"""Masks of a video in the layouts that video segmentation uses: DAVIS (palette PNGs) and Ref-YouTube-VOS
(meta_expressions.json).
"""

import io
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
    """The 256 colors of PASCAL VOC's and DAVIS's labels, as one flat list.

    Three bits of the label at a time go to red, green and blue, filling each channel from its highest bit down.
    """
    colors = []
    for label in range(256):
        channels = [0, 0, 0]
        for bit in range(8):
            for channel in range(3):
                channels[channel] |= ((label >> (3 * bit + channel)) & 1) << (7 - bit) if 3 * bit + channel < 8 else 0
        colors += channels
    return colors


def palette_png(labels: NDArray[np.uint8]) -> bytes:
    """labels (H, W), 0 for background -> an indexed PNG with the palette of DAVIS."""
    indexed = Image.frombytes("P", (labels.shape[1], labels.shape[0]), np.ascontiguousarray(labels).tobytes())
    indexed.putpalette(davis_palette())
    data = io.BytesIO()
    indexed.save(data, format="PNG", optimize=False)
    return data.getvalue()


def write_masks(path: Path, sequence: str, masks: Iterable[NDArray[np.bool_]], names: Iterable[str]) -> None:
    """Writes a zip of Annotations/SEQUENCE/NAME.png, one per mask (H, W), each as soon as it is computed. The file is
    complete or not written.
    """
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for mask, name in zip(masks, names, strict=True):
            archive.writestr(annotation_path(sequence, name), palette_png(mask.astype(np.uint8)))


def annotation_path(sequence: str, name: str) -> str:
    """Path of a frame's mask in the zip."""
    return f"Annotations/{sequence_folder(sequence)}/{name}.png"


def meta_expressions(sequence: str, expressions: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    """The content of Ref-YouTube-VOS's meta_expressions.json for one video with one object."""
    entries = {str(number): {"exp": expression, "obj_id": "1"} for number, expression in enumerate(expressions)}
    return {"videos": {sequence_folder(sequence): {"expressions": entries, "frames": list(names)}}}


def frame_names(indices: Iterable[int]) -> list[str]:
    """00000, 00005, ...: the index of each frame in the video, as in Ref-YouTube-VOS."""
    return [f"{index:05d}" for index in indices]


def sequence_folder(name: str) -> str:
    """A video's name as a folder name that every system accepts: letters, digits, "-" and "_" only."""
    kept = "".join(
        character if character.isascii() and (character.isalnum() or character in "-_") else "_" for character in name
    )
    return kept[:NAME_LIMIT].strip("_") or "clip"
