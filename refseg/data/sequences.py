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

PICTURES = (".jpg", ".jpeg", ".png", ".webp")
RATE = 24.0  # frames a second, for times: folders of images do not say


@dataclass(frozen=True)
class LabelledClip:
    """One sequence: its images in order, a mask for each, and what people call the object."""

    name: str
    pictures: tuple[Path, ...]
    masks: tuple[Path, ...]
    expressions: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pictures)

    def frames(self) -> Iterator[Frame]:
        """The images, one after the other."""
        for number, path in enumerate(self.pictures):
            yield Frame(number, number, number / RATE, load_image(path))

    def mask(self, number: int) -> NDArray[np.bool_]:
        """Bool (H, W) of one frame. Raises DataError for what is no mask."""
        try:
            with opened_image(self.masks[number], formats=["PNG"]) as picture:
                values = np.asarray(picture)
        except (OSError, UnidentifiedImageError) as error:
            raise DataError(f"cannot read the mask {self.masks[number]} ({error}): expected a PNG") from error
        return np.asarray(values.any(axis=-1) if values.ndim == 3 else values > 0)


def read_sequences(root: str | Path) -> list[LabelledClip]:
    """All sequences with expressions, by name. Raises DataError where files are missing or do not belong together."""
    root = Path(root)
    file = root / "expressions.json"
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {file} ({error}): expected a JSON object of sequences and their lists of expressions") from error
    if not isinstance(said, dict) or not all(isinstance(v, list) and v and all(isinstance(s, str) for s in v) for v in said.values()):
        raise DataError(f"{file} is not what was expected: a JSON object of sequences and their lists of expressions")
    if not said:
        raise DataError(f"{file} names no sequence, expected at least one")
    return [_sequence(root, name, tuple(expressions)) for name, expressions in sorted(said.items())]


def _sequence(root: Path, name: str, expressions: tuple[str, ...]) -> LabelledClip:
    if Path(name).name != name or name.startswith("."):
        raise DataError(f"{root / 'expressions.json'} names the sequence {name!r}, expected the name of a folder")
    pictures = _files(root / "images" / name, PICTURES)
    masks = {path.stem: path for path in _files(root / "masks" / name, (".png",))}
    missing = [path.stem for path in pictures if path.stem not in masks]
    if missing:
        raise DataError(f"{root / 'masks' / name} lacks {missing[0]}.png: expected a mask for each of the {len(pictures)} pictures")
    return LabelledClip(name, tuple(pictures), tuple(masks[path.stem] for path in pictures), expressions)


def _files(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in endings) if folder.is_dir() else []
    if not found:
        raise DataError(f"{folder} holds no images, expected {', '.join(endings)}")
    return found
