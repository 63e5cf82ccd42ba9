"""Made scenes of coloured discs and boxes for the tests of this folder."""

import numpy as np

from refseg.data.scenes import Scene, SceneObject

COLOURS = {
    "red": (200, 20, 25),
    "blue": (30, 80, 200),
    "green": (30, 140, 40),
    "black": (15, 15, 15),
    "plain": (205, 150, 160),
}


def scene_of(things, size=(200, 300), **known):
    """Scene of (category, x, y, radius, colour) discs, x and y in shares of the picture, on a pale ground."""
    height, width = size
    image = np.full((height, width, 3), (225, 228, 224), np.uint8)
    rows, columns = np.mgrid[:height, :width]
    objects = []
    for category, x, y, radius, colour in things:
        mask = (rows - y * height) ** 2 + (columns - x * width) ** 2 <= radius**2
        image[mask] = COLOURS[colour]
        objects.append(SceneObject(category, mask))
    known.setdefault("exhaustive", frozenset(o.category for o in objects))
    return Scene(image, tuple(objects), **known)
