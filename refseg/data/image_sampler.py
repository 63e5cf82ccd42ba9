"""Draws the images of training, and expressions about them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from refseg.data.expression_mix import DrawnExpression, ExpressionChooser
from refseg.data.object_attributes import SceneAttributes, measure
from refseg.data.scenes import Scene
from refseg.errors import DataError

ATTEMPTS = 50  # images without any expression in a row, after which drawing fails


class ImageSampler:
    """Draws a source by weight, an image evenly within it, and expressions about it; every image is measured once.

    sources: (scenes, weight) pairs; those without images or with weight 0 are left out.
    """

    def __init__(self, sources: Sequence[tuple[Sequence[Scene], float]], chooser: ExpressionChooser) -> None:
        kept = [(scenes, weight) for scenes, weight in sources if len(scenes) and weight > 0]
        weights = np.array([weight for _, weight in kept], dtype=np.float64)
        self._sources, self._odds = [scenes for scenes, _ in kept], weights / weights.sum()
        self._chooser = chooser
        self._attributes: dict[tuple[int, int], SceneAttributes] = {}

    def __len__(self) -> int:
        """Number of sources."""
        return len(self._sources)

    def pick(self, count: int, rng: np.random.Generator) -> tuple[Scene, list[DrawnExpression]]:
        """An image and `count` expressions about it. Raises DataError if `ATTEMPTS` images in a row have none."""
        for _ in range(ATTEMPTS):
            source = int(rng.choice(len(self._sources), p=self._odds))
            index = int(rng.integers(len(self._sources[source])))
            scene = self._sources[source][index]
            if choices := self._chooser.choose(scene, self._attributes_of(source, index, scene), count, rng):
                return scene, choices
        raise DataError(
            f"got {ATTEMPTS} images in a row without any expression, expected referents or labeled categories: check"
            " mix and data"
        )

    def _attributes_of(self, source: int, index: int, scene: Scene) -> SceneAttributes:
        attributes = self._attributes.get((source, index))
        if attributes is None:
            attributes = self._attributes[source, index] = measure(scene)
        return attributes
