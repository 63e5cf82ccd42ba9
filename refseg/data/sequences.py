"""Clips as folders of images: ROOT/images/SEQ/*.jpg, ROOT/masks/SEQ/*.png (anything but 0 is the object),
ROOT/expressions.json {SEQ: [...]}.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import UnidentifiedImageError

from refseg.errors import DataError
from refseg.images import load_image, opened_image
from refseg.video.reader import Frame

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
RATE = 24.0  # frames per second, for the times of frames: folders of images have no frame rate


@dataclass(frozen=True)
class LabeledClip:
    """One sequence: its images in order, a mask for each, and expressions for the object."""

    name: str
    image_paths: tuple[Path, ...]
    mask_paths: tuple[Path, ...]
    expressions: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.image_paths)

    def frames(self) -> Iterator[Frame]:
        """The images, one after the other."""
        for number, path in enumerate(self.image_paths):
            yield Frame(number, number, number / RATE, load_image(path))

    def mask(self, number: int) -> NDArray[np.bool_]:
        """Bool (H, W) of one frame. Raises DataError if the file is not a mask."""
        try:
            with opened_image(self.mask_paths[number], formats=["PNG"]) as image:
                values = np.asarray(image)
        except (OSError, UnidentifiedImageError) as error:
            raise DataError(f"cannot read the mask {self.mask_paths[number]} ({error}): expected a PNG") from error
        return np.asarray(values.any(axis=-1) if values.ndim == 3 else values > 0)


def read_sequences(root: str | Path) -> list[LabeledClip]:
    """All sequences with expressions, by name. Raises DataError if files are missing or do not match."""
    root = Path(root)
    file = root / "expressions.json"
    try:
        sequences = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"cannot read {file} ({error}): expected a JSON object of sequences and their lists of expressions"
        ) from error
    if not isinstance(sequences, dict) or not all(
        isinstance(v, list) and v and all(isinstance(s, str) for s in v) for v in sequences.values()
    ):
        raise DataError(f"{file} is not what was expected: a JSON object of sequences and their lists of expressions")
    if not sequences:
        raise DataError(f"{file} names no sequence, expected at least one: check the file: check the file")
    return [_sequence(root, name, tuple(expressions)) for name, expressions in sorted(sequences.items())]


def _sequence(root: Path, name: str, expressions: tuple[str, ...]) -> LabeledClip:
    if Path(name).name != name or name.startswith("."):
        raise DataError(f"{root / 'expressions.json'} names the sequence {name!r}, expected the name of a folder")
    images = _files(root / "images" / name, IMAGE_SUFFIXES)
    masks = {path.stem: path for path in _files(root / "masks" / name, (".png",))}
    missing = [path.stem for path in images if path.stem not in masks]
    if missing:
        raise DataError(
            f"{root / 'masks' / name} lacks {missing[0]}.png: expected a mask for each of the {len(images)} images"
        )
    return LabeledClip(name, tuple(images), tuple(masks[path.stem] for path in images), expressions)


def _files(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in endings) if folder.is_dir() else []
    if not found:
        raise DataError(f"{folder} has no images, expected {', '.join(endings)}")
    return found
