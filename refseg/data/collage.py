"""Scenes made by pasting cut-outs onto backgrounds: exact masks, and several things of one kind at known places and sizes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from refseg.data.masks import BoolMask
from refseg.data.scenes import Scene, SceneObject, SceneSource, UintImage
from refseg.errors import DataError
from refseg.images import load_image

CUTOUT_SUFFIXES = frozenset({".webp", ".png"})
# A thing that others cover more than this is left out of the labels, and so is never asked for.
LEAST_VISIBLE = 0.7


def load_cutout(path: Path) -> UintImage:
    """An RGBA cut-out, uint8 (H, W, 4). Raises DataError when the file is none."""
    data = np.fromfile(path, dtype=np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if image is None or image.ndim != 3 or image.shape[2] != 4 or image.dtype != np.uint8:
        raise DataError(f"{path}: is not an 8-bit RGBA picture, expected a cut-out with transparency")
    return cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA).astype(np.uint8, copy=False)


def trim(cutout: UintImage) -> UintImage:
    """The part of a cut-out (H, W, 4) that is not wholly transparent."""
    rows, columns = np.flatnonzero(cutout[..., 3].any(axis=1)), np.flatnonzero(cutout[..., 3].any(axis=0))
    return cutout if rows.size == 0 else cutout[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def paste(canvas: UintImage, cutout: UintImage, left: int, top: int) -> BoolMask:
    """Blend a cut-out (h, w, 4) into `canvas` (H, W, 3), in place, at a corner that may lie outside; returns what it covers, bool (H, W)."""
    mask = np.zeros(canvas.shape[:2], dtype=bool)
    height, width = cutout.shape[:2]
    y0, y1, x0, x1 = max(top, 0), min(top + height, canvas.shape[0]), max(left, 0), min(left + width, canvas.shape[1])
    if y0 >= y1 or x0 >= x1:
        return mask
    part = cutout[y0 - top : y1 - top, x0 - left : x1 - left]
    alpha = part[..., 3:].astype(np.float32) / 255
    below = canvas[y0:y1, x0:x1]
    canvas[y0:y1, x0:x1] = np.round(part[..., :3] * alpha + below * (1 - alpha)).astype(np.uint8)
    mask[y0:y1, x0:x1] = part[..., 3] >= 128
    return mask


class CollageScenes(SceneSource):
    """`count` made scenes: scene i is a function of (seed, i).

    cutouts: a folder with one folder of RGBA pictures per category. backgrounds: a folder of pictures. size: the longer side of a
    background in pixels. Raises DataError when either folder holds nothing usable.
    """

    def __init__(self, cutouts: str | Path, backgrounds: str | Path, *, count: int = 1000, seed: int = 0, size: int = 384) -> None:
        self._cutouts = {
            folder.name: paths
            for folder in sorted(Path(cutouts).glob("*"))
            if (paths := sorted(path for path in folder.glob("*") if path.suffix.lower() in CUTOUT_SUFFIXES))
        }
        self._backgrounds = sorted(path for path in Path(backgrounds).glob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
        if not self._cutouts or not self._backgrounds:
            raise DataError(f"got no cut-outs in {cutouts} or no pictures in {backgrounds}, expected CATEGORY/*.webp and *.jpg")
        self._count = count
        self._seed = seed
        self._size = size

    def __len__(self) -> int:
        return self._count

    def scene(self, index: int) -> Scene:
        rng = np.random.default_rng([self._seed, index])
        canvas = self._background(rng)
        categories = self._categories(rng)
        placed: list[tuple[str, BoolMask, int]] = []
        base = rng.uniform(0.16, 0.34)
        centres: list[NDArray[np.float64]] = []
        for category in categories:
            paths = self._cutouts[category]
            cutout = trim(load_cutout(paths[int(rng.integers(len(paths)))]))
            if rng.random() < 0.5:
                cutout = cutout[:, ::-1]
            share = base * float(np.exp(rng.uniform(-0.5, 0.5)))
            scale = share * max(canvas.shape[:2]) / max(cutout.shape[:2])
            new = (max(4, round(cutout.shape[1] * scale)), max(4, round(cutout.shape[0] * scale)))
            resized = _resize_rgba(cutout, new)
            centre = _free_centre(centres, base, rng)
            if centre is None:
                continue
            centres.append(centre)
            left, top = round(centre[0] * canvas.shape[1] - new[0] / 2), round(centre[1] * canvas.shape[0] - new[1] / 2)
            mask = paste(canvas, resized, left, top)
            placed = [(name, before & ~mask, area) for name, before, area in placed]
            placed.append((category, mask, int((resized[..., 3] >= 128).sum())))
        visible = [mask.sum() >= LEAST_VISIBLE * area for _, mask, area in placed]
        objects = tuple(SceneObject(name, mask) for (name, mask, _), seen in zip(placed, visible, strict=True) if seen)
        partly = {name for (name, _, _), seen in zip(placed, visible, strict=True) if not seen}
        return Scene(canvas, objects, exhaustive=frozenset(o.category for o in objects) - partly, name=f"collage/{index}")

    def _background(self, rng: np.random.Generator) -> UintImage:
        image = load_image(self._backgrounds[int(rng.integers(len(self._backgrounds)))])
        scale = self._size / max(image.shape[:2])
        size = (max(8, round(image.shape[1] * scale)), max(8, round(image.shape[0] * scale)))
        return cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR).astype(np.uint8, copy=False)

    def _categories(self, rng: np.random.Generator) -> list[str]:
        """One to three kinds, the first of them one to five times, in random order of depth."""
        names = sorted(self._cutouts)
        chosen = [names[int(i)] for i in rng.permutation(len(names))[: int(rng.integers(1, 4))]]
        counts = [int(rng.integers(1, 6))] + [1 if rng.random() < 0.6 else 2 for _ in chosen[1:]]
        result = [name for name, count in zip(chosen, counts, strict=True) for _ in range(count)]
        return [result[int(i)] for i in rng.permutation(len(result))]


def _resize_rgba(cutout: UintImage, size: tuple[int, int]) -> UintImage:
    # Colours are resized weighted by alpha, or the transparent surroundings' colour would bleed into the rim.
    alpha = cutout[..., 3:].astype(np.float32) / 255
    layers = np.concatenate([cutout[..., :3] * alpha, alpha], axis=-1)
    shrinks = size[0] < cutout.shape[1]
    layers = cv2.resize(layers, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    colours = layers[..., :3] / np.maximum(layers[..., 3:], 1e-3)
    return np.round(np.concatenate([np.minimum(colours, 255), layers[..., 3:] * 255], axis=-1)).astype(np.uint8)


def _free_centre(centres: list[NDArray[np.float64]], share: float, rng: np.random.Generator) -> NDArray[np.float64] | None:
    """A place (x, y in shares of the picture) some way from those taken, or None when none is found."""
    for _ in range(20):
        centre = rng.uniform([0.1, 0.15], [0.9, 0.88])
        if all(np.abs(centre - other).max() > 0.75 * share for other in centres):
            return centre
    return None
