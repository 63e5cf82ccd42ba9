"""Synthetic layouts: regions of many real images, arranged again.

Few training images have three chairs in a row, and the choice among regions needs no pixels. So regions of known
objects are placed at new positions, with duplicates and clutter as detectors produce them, and the expressions that fit
the layout ("second chair from the left", "the smaller cup", "two dogs on the right", "a zebra" if there is none) are
known exactly. They teach position, order, size and number, but no words of appearance.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from refseg.data.object_attributes import ObjectAttributes, SceneAttributes
from refseg.data.scenes import Scene
from refseg.data.templates import Template, make_templates
from refseg.models.regions.proposals import Regions, describe_geometry, pairwise_iou

KINDS = ("category", "side", "order", "size", "relation", "several", "no_target")
MATCH = 0.7  # IoU with a label from which a region may represent the object
CLUTTER = 0.15  # best class probability below which a region that overlaps no label counts as clutter
_NO_COLORS = np.zeros(0, dtype=np.float32)


@dataclass(frozen=True)
class Donor:
    """A region of a known object: its category, width and height in shares of the image, and its row of `Regions` (each
    (1, ...)).
    """

    category: str
    size: tuple[float, float]
    row: Regions


class SyntheticLayouts:
    """Draws layouts from donors and clutter. Raises ValueError for no donors."""

    def __init__(
        self, donors: Sequence[Donor], clutter: Sequence[Regions], image_size: int, listed: frozenset[str]
    ) -> None:
        if not donors:
            raise ValueError("got no donors, expected regions of known objects")
        self._by_category: dict[str, list[Donor]] = {}
        for donor in donors:
            self._by_category.setdefault(donor.category, []).append(donor)
        self._categories = sorted(self._by_category)
        counts = np.array([len(self._by_category[category]) for category in self._categories], dtype=np.float64)
        self._odds = np.sqrt(counts) / np.sqrt(counts).sum()
        self._clutter, self._size, self._listed = list(clutter), image_size, listed

    def draw(self, count: int, rng: np.random.Generator) -> tuple[Regions, Tensor, list[Template], tuple[str, ...]]:
        """A layout of `count` regions: the regions of one image (N, ...), their overlap (N, objects) with the objects,
        all templates that fit, and the objects' categories."""
        window = self._window(rng)
        chosen = self._chosen(rng)
        boxes = np.array(_arranged([donor.size for donor in chosen], rng), dtype=np.float64).reshape(
            -1, 4
        )  # shares of the window
        chosen = chosen[: len(boxes)]
        regions = self._regions(chosen, boxes, window, count, rng)
        objects = torch.from_numpy(_in_window(boxes, window)).float()
        attributes = _attributes([donor.category for donor in chosen], boxes)
        categories = frozenset(attributes.members)
        scene = Scene(
            np.zeros((1, 1, 3), np.uint8),
            (),
            complete=True,
            listed=self._listed,
            exhaustive=categories,
            flippable=True,
            name="synthetic",
        )
        overlap = pairwise_iou(regions.boxes, objects)
        return (
            regions,
            overlap,
            make_templates(scene, rng, KINDS, attributes),
            tuple(donor.category for donor in chosen),
        )

    def _window(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """x1 y1 x2 y2, in pixels, of the image in the square, without its border: landscape, portrait or square."""
        ratio = float(np.exp(rng.uniform(-0.45, 0.45)))
        width, height = self._size * min(1.0, ratio), self._size * min(1.0, 1 / ratio)
        left, top = (self._size - width) / 2, (self._size - height) / 2
        return np.array([left, top, left + width, top + height])

    def _chosen(self, rng: np.random.Generator) -> list[Donor]:
        """One to six of one category, and one or two of up to two others."""
        kinds = min(len(self._categories), int(rng.integers(1, 4)))
        names = rng.choice(len(self._categories), size=kinds, replace=False, p=self._odds)
        counts = [int(rng.integers(1, 7)), *(1 if rng.random() < 0.6 else 2 for _ in names[1:])]
        donors = []
        for name, number in zip(names, counts, strict=True):
            pool = self._by_category[self._categories[int(name)]]
            donors += [pool[int(rng.integers(len(pool)))] for _ in range(number)]
        return donors

    def _regions(
        self,
        chosen: Sequence[Donor],
        boxes: NDArray[np.float64],
        window: NDArray[np.float64],
        count: int,
        rng: np.random.Generator,
    ) -> Regions:
        """Each object near its box, some twice or in part, and clutter up to `count`."""
        rows, places = [], []
        for donor, box in zip(chosen, boxes, strict=True):
            for copy in range(1 + int(rng.random() < 0.35)):
                rows.append(donor.row if copy == 0 else _weaker(donor.row, float(rng.uniform(0.05, 0.5))))
                places.append(_jittered(box, 0.04 if copy == 0 else 0.18, rng))
        clutter = self._clutter[int(rng.integers(len(self._clutter)))] if self._clutter else chosen[0].row
        free = max(0, count - len(rows))
        picks = rng.integers(len(clutter.boxes), size=free)
        rows += [Regions(*(part[int(i) : int(i) + 1] for part in clutter)) for i in picks]
        places += [_random_box(rng) for _ in range(free)]
        rows, places = rows[:count], places[:count]
        joined = Regions(*(torch.cat([part.float() for part in parts]) for parts in zip(*rows, strict=True)))
        placed = torch.from_numpy(_in_window(np.clip(np.array(places), 0, 1), window)).float()
        classes, objectness = joined.classes.unsqueeze(0), joined.geometry[:, -1].unsqueeze(0)
        geometry = describe_geometry(
            placed.unsqueeze(0), classes, objectness, torch.from_numpy(window).float().unsqueeze(0)
        )[0]
        order = joined.classes.amax(-1).argsort(descending=True)
        return Regions(*(part[order] for part in joined._replace(boxes=placed, geometry=geometry)))


def _arranged(
    sizes: Sequence[tuple[float, float]], rng: np.random.Generator
) -> list[tuple[float, float, float, float]]:
    """Boxes about as large as `sizes` that hardly overlap; the list ends with the first that does not fit."""
    row = rng.random() < 0.35  # a row allows "second from the left"
    line, shrink = rng.uniform(0.3, 0.75), 1 / max(1.0, len(sizes) / 2.5) ** 0.5
    boxes: list[tuple[float, float, float, float]] = []
    for width, height in sizes:
        for _ in range(25):
            scale = shrink * float(np.exp(rng.uniform(-0.5, 0.3)))
            w, h = min(0.95, max(0.04, width * scale)), min(0.95, max(0.04, height * scale))
            x, y = rng.uniform(w / 2, 1 - w / 2), rng.uniform(h / 2, 1 - h / 2)
            if row:
                y = min(max(line + rng.normal(0, 0.05), h / 2), 1 - h / 2)
            box = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
            if all(_overlap(box, other) < 0.25 for other in boxes):
                boxes.append(box)
                break
        else:
            break
    return boxes


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Intersection over the smaller box."""
    common = max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    return common / max(1e-9, min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1])))


def _jittered(box: NDArray[np.float64], strength: float, rng: np.random.Generator) -> NDArray[np.float64]:
    extent = np.array([box[2] - box[0], box[3] - box[1]] * 2)
    return box + strength * extent * np.clip(rng.normal(size=4), -2, 2)


def _random_box(rng: np.random.Generator) -> NDArray[np.float64]:
    w, h = np.exp(rng.uniform(np.log(0.04), np.log(0.7), size=2))
    x, y = rng.uniform(0, 1 - w), rng.uniform(0, 1 - h)
    return np.array([x, y, x + w, y + h])


def _weaker(row: Regions, factor: float) -> Regions:
    """The same object, detected with lower confidence."""
    return row._replace(classes=row.classes * factor)


def _in_window(boxes: NDArray[np.float64], window: NDArray[np.float64]) -> NDArray[np.float64]:
    """Boxes in shares of the window -> pixels of the square."""
    extent = np.array([window[2] - window[0], window[3] - window[1]] * 2)
    pixels: NDArray[np.float64] = boxes * extent + np.array([window[0], window[1]] * 2)
    return pixels


def _attributes(categories: Sequence[str], boxes: NDArray[np.float64]) -> SceneAttributes:
    """Attributes of boxes that represent objects; the object is assumed to fill two thirds of its box."""
    objects = []
    for category, (x1, y1, x2, y2) in zip(categories, boxes.tolist(), strict=True):
        area = 0.67 * (x2 - x1) * (y2 - y1)
        objects.append(ObjectAttributes(category, (x1 + x2) / 2, (y1 + y2) / 2, (x1, y1, x2, y2), area, _NO_COLORS))
    return SceneAttributes.of(objects, _NO_COLORS)
