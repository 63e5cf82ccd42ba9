"""Sources of scenes whose labels are one picture of class indices (street) or of person and background (people)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from refseg.data.scenes import Scene, SceneObject, SceneSource, UintImage
from refseg.errors import DataError
from refseg.images import load_image

STREET_CLASSES = ("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist", "void")
# A class's name when all of it is one object; the others are stuff by nature.
_WHOLE = {
    "building": "buildings",
    "pole": "poles",
    "tree": "trees",
    "sign": "signs",
    "car": "cars",
    "pedestrian": "pedestrians",
    "bicyclist": "bicyclists",
}
_COUNTED = frozenset({"car", "pedestrian", "bicyclist", "sign"})
# Shares of the picture: the least whole class and the least connected region that are worth an expression.
MIN_WHOLE, MIN_REGION = 0.004, 0.003
MAX_REGIONS = 6


class _FolderScenes(SceneSource):
    """Pictures images/NAME.* with masks/NAME.png beside them, in name order."""

    def __init__(self, root: str | Path) -> None:
        self._root = Path(root)
        masks = {path.stem: path for path in sorted((self._root / "masks").glob("*.png"))}
        images = sorted(path for path in (self._root / "images").glob("*") if path.stem in masks)
        if not images:
            raise DataError(f"{self._root}: got no picture with a mask, expected images/NAME.jpg and masks/NAME.png")
        self._pairs = [(image, masks[image.stem]) for image in images]

    def __len__(self) -> int:
        return len(self._pairs)

    def _read(self, index: int) -> tuple[UintImage, UintImage]:
        image_path, mask_path = self._pairs[index]
        image = load_image(image_path)
        labels = cv2.imread(str(mask_path), cv2.IMREAD_UNCHANGED)
        if labels is None or labels.dtype != np.uint8:
            raise DataError(f"{mask_path}: cannot be read, expected an 8-bit PNG")
        if labels.ndim == 3:
            labels = labels[..., 0]
        if labels.shape != image.shape[:2]:
            raise DataError(f"{mask_path}: got a mask of {labels.shape}, expected {image.shape[:2]}, the size of {image_path.name}")
        return image, labels.astype(np.uint8)


class StreetScenes(_FolderScenes):
    """Driving frames with an index PNG: each class as a whole, and the connected regions of things that can be counted.

    Regions count as single things only where all regions of the class are of a sensible size and few; touching cars are
    one region.
    """

    def scene(self, index: int) -> Scene:
        image, labels = self._read(index)
        pixels = labels.size
        objects: list[SceneObject] = []
        exhaustive: set[str] = set()
        for value, name in enumerate(STREET_CLASSES[:-1]):
            whole = labels == value
            if whole.sum() < MIN_WHOLE * pixels:
                continue
            objects.append(SceneObject(_WHOLE.get(name, name), whole))
            exhaustive.add(_WHOLE.get(name, name))
            if name not in _COUNTED:
                continue
            _, regions, stats, _ = cv2.connectedComponentsWithStats(whole.astype(np.uint8), connectivity=8)
            areas = stats[1:, cv2.CC_STAT_AREA]
            speckles = areas < 0.0003 * pixels
            if (areas[~speckles] >= MIN_REGION * pixels).all() and 0 < (~speckles).sum() <= MAX_REGIONS:
                objects += [SceneObject(name, regions == 1 + region) for region in np.flatnonzero(~speckles)]
                exhaustive.add(name)
        return Scene(image, tuple(objects), exhaustive=frozenset(exhaustive), name=f"street/{self._pairs[index][0].name}")


class PeopleScenes(_FolderScenes):
    """Pictures with a binary mask of all people in them, one object "people"."""

    def scene(self, index: int) -> Scene:
        image, labels = self._read(index)
        mask = labels > (127 if labels.max() > 1 else 0)
        objects = (SceneObject("people", mask),) if mask.any() else ()
        return Scene(image, objects, exhaustive=frozenset({"people"}), name=f"people/{self._pairs[index][0].name}")
