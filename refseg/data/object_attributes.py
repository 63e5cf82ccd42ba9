"""Position, size and color of the objects of a scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refseg.data.masks import box_of
from refseg.data.pixel_colors import color_shares
from refseg.data.scenes import Scene


@dataclass(frozen=True)
class ObjectAttributes:
    """Measures of one object in shares of the image's width, height or area; box = left, top, right, bottom."""

    category: str
    x: float
    y: float
    box: tuple[float, float, float, float]
    area: float
    colors: NDArray[np.float32]

    @property
    def width(self) -> float:
        return self.box[2] - self.box[0]

    @property
    def height(self) -> float:
        return self.box[3] - self.box[1]


@dataclass(frozen=True)
class SceneAttributes:
    """Measures of all objects of a scene (same order), the indices of each category's objects, and the whole image's
    colors.
    """

    objects: tuple[ObjectAttributes, ...]
    members: dict[str, tuple[int, ...]]
    colors: NDArray[np.float32]

    @classmethod
    def of(cls, objects: Sequence[ObjectAttributes], colors: NDArray[np.float32]) -> SceneAttributes:
        """The attributes of objects, grouped by category."""
        members: dict[str, list[int]] = {}
        for index, item in enumerate(objects):
            members.setdefault(item.category, []).append(index)
        return cls(tuple(objects), {category: tuple(indices) for category, indices in members.items()}, colors)


def measure(scene: Scene) -> SceneAttributes:
    """Measure every object of a scene. The color of a person is that of the upper clothes: the color of skin or hair
    does not identify anybody.
    """
    height, width = scene.image.shape[:2]
    overall = color_shares(scene.image, np.ones((height, width), dtype=bool))
    objects = []
    for item in scene.objects:
        left, top, right, bottom = box_of(item.mask) or (0, 0, 1, 1)
        inner = item.mask[top:bottom, left:right]
        area = int(inner.sum())
        x = (inner.sum(axis=0) @ np.arange(right - left)) / max(area, 1) + left + 0.5
        y = (inner.sum(axis=1) @ np.arange(bottom - top)) / max(area, 1) + top + 0.5
        color_mask = item.mask
        if item.category in ("person", "pedestrian"):
            color_mask = np.zeros_like(item.mask)
            rows = slice(top + round(0.22 * (bottom - top)), top + round(0.5 * (bottom - top)))
            color_mask[rows] = item.mask[rows]
        objects.append(
            ObjectAttributes(
                category=item.category,
                x=float(x / width),
                y=float(y / height),
                box=(left / width, top / height, right / width, bottom / height),
                area=area / (height * width),
                colors=color_shares(scene.image, color_mask),
            )
        )
    return SceneAttributes.of(objects, overall)
