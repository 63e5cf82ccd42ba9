"""Scenes with a label map: one image of class indices, or a binary mask of one category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from refseg.data.scenes import Scene, SceneObject, SceneSource, UintImage
from refseg.errors import DataError
from refseg.images import load_image

# Shares of the image: the smallest class as a whole and the smallest connected region that get an expression.
MIN_WHOLE, MIN_REGION = 0.004, 0.003
MAX_REGIONS = 6


class _FolderScenes(SceneSource):
    """Images images/NAME.* with masks/NAME.png beside them, in name order."""

    def __init__(self, root: str | Path) -> None:
        self._root = Path(root)
        masks = {path.stem: path for path in sorted((self._root / "masks").glob("*.png"))}
        images = sorted(path for path in (self._root / "images").glob("*") if path.stem in masks)
        if not images:
            raise DataError(f"{self._root}: got no image with a mask, expected images/NAME.jpg and masks/NAME.png")
        self._pairs = [(image, masks[image.stem]) for image in images]

    def __len__(self) -> int:
        return len(self._pairs)

    def _name(self, index: int) -> str:
        return f"{self._root.name}/{self._pairs[index][0].name}"

    def _read(self, index: int) -> tuple[UintImage, UintImage]:
        image_path, mask_path = self._pairs[index]
        image = load_image(image_path)
        labels = cv2.imread(str(mask_path), cv2.IMREAD_UNCHANGED)
        if labels is None or labels.dtype != np.uint8:
            raise DataError(f"{mask_path}: cannot be read, expected an 8-bit PNG")
        if labels.ndim == 3:
            labels = labels[..., 0]
        if labels.shape != image.shape[:2]:
            raise DataError(
                f"{mask_path}: got a mask of {labels.shape}, expected {image.shape[:2]}, the size of {image_path.name}"
            )
        return image, labels.astype(np.uint8)


class LabelMapScenes(_FolderScenes):
    """Images with a PNG of class indices: each class as a whole, and the connected regions of classes that can be
    counted.

    classes: names by index; "" for pixels without a label.  whole: the name of all of a class together, for the classes
    that consist of objects ("cars" for "car").  counted: classes whose connected regions are single objects. Regions
    count as such only if all regions of the class are large enough and few; touching cars are one region.
    """

    def __init__(
        self,
        root: str | Path,
        classes: Sequence[str],
        whole: Mapping[str, str] | None = None,
        counted: Sequence[str] = (),
    ) -> None:
        super().__init__(root)
        self._classes, self._whole, self._counted = tuple(classes), dict(whole or {}), frozenset(counted)

    def scene(self, index: int) -> Scene:
        image, labels = self._read(index)
        pixels = labels.size
        objects: list[SceneObject] = []
        exhaustive: set[str] = set()
        for value, name in enumerate(self._classes):
            mask = labels == value
            if not name or mask.sum() < MIN_WHOLE * pixels:
                continue
            objects.append(SceneObject(self._whole.get(name, name), mask))
            exhaustive.add(self._whole.get(name, name))
            if name not in self._counted:
                continue
            _, regions, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
            areas = stats[1:, cv2.CC_STAT_AREA]
            speckles = areas < 0.0003 * pixels
            if (areas[~speckles] >= MIN_REGION * pixels).all() and 0 < (~speckles).sum() <= MAX_REGIONS:
                objects += [SceneObject(name, regions == 1 + region) for region in np.flatnonzero(~speckles)]
                exhaustive.add(name)
        return Scene(image, tuple(objects), exhaustive=frozenset(exhaustive), name=self._name(index))


class ForegroundScenes(_FolderScenes):
    """Images with a binary mask of all objects of one category together, such as "people"."""

    def __init__(self, root: str | Path, category: str) -> None:
        super().__init__(root)
        self._category = category

    def scene(self, index: int) -> Scene:
        image, labels = self._read(index)
        mask = labels > (127 if labels.max() > 1 else 0)
        objects = (SceneObject(self._category, mask),) if mask.any() else ()
        return Scene(image, objects, exhaustive=frozenset({self._category}), name=self._name(index))
