"""Scenes: an image, its labeled objects and their expressions, from any data set.

A source is a `Sequence[Scene]` that reads each scene on access.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from refseg.data.masks import BoolMask
from refseg.data.nouns import has_own_sides, noun_of
from refseg.data.refcoco import ImageRecord, RefCocoDataset, read_refcoco
from refseg.errors import DataError
from refseg.images import load_image

UintImage = NDArray[np.uint8]

# Annotators stop after about so many objects of a category: the others are not labeled one by one.
MANY = 10
_CROWD_WORDS = frozenset(
    "crowd crowded crowds audience spectators stadium fans many several group bunch pile lots".split()
)
# Two labels of one category that overlap more than this are the same object labeled twice.
DUPLICATE_IOU = 0.7


@dataclass(frozen=True)
class SceneObject:
    """One labeled object: its category's name and its bool mask (H, W)."""

    category: str
    mask: BoolMask


@dataclass(frozen=True)
class SceneReferent:
    """An object (index into the scene's objects) and its expressions."""

    index: int
    expressions: tuple[str, ...]


@dataclass(frozen=True)
class Scene:
    """An image uint8 (H, W, 3) with its labels.

    `exhaustive`: the categories of which every instance in the image is labeled, so that counting and comparing make
    sense. `complete`: every object of the `listed` categories is labeled, so the image has nothing
    of a listed category without object. `no_target`: expressions that name nothing in the image.  `flippable` is False
    if a name contains left or right of the object itself (a car's left mirror).
    """

    image: UintImage
    objects: tuple[SceneObject, ...]
    referents: tuple[SceneReferent, ...] = ()
    complete: bool = False
    listed: frozenset[str] = frozenset()
    exhaustive: frozenset[str] = frozenset()
    flippable: bool = True
    name: str = ""
    no_target: tuple[str, ...] = ()

    def union(self, indices: Iterable[int]) -> BoolMask:
        """Bool mask (H, W) of several objects together; empty for no index."""
        result = np.zeros(self.image.shape[:2], dtype=bool)
        for index in indices:
            result |= self.objects[index].mask
        return result


class SceneSource(Sequence[Scene]):
    """Base class of sources, which implement `scene(index)` and `__len__`."""

    def scene(self, index: int) -> Scene:
        raise NotImplementedError

    @overload
    def __getitem__(self, index: int) -> Scene: ...

    @overload
    def __getitem__(self, index: slice) -> list[Scene]: ...

    def __getitem__(self, index: int | slice) -> Scene | list[Scene]:
        if isinstance(index, slice):
            return [self.scene(i) for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        return self.scene(index % len(self))


class RefCocoScenes(SceneSource):
    """Scenes of a folder in the RefCOCO layout.

    complete: every image is labeled completely; otherwise those of `complete_sources` are (an image's `source` in
    instances.json).  partly_labeled: sources in whose images many objects of a labeled category have no label.
    referred_only: leave out images without expressions. Raises DataError for malformed data, and on access to a
    scene if its image does not have the size in its record.
    """

    def __init__(
        self,
        root: str | Path,
        split: str | None = "train",
        *,
        complete: bool = False,
        referred_only: bool = False,
        complete_sources: Iterable[str] = (),
        partly_labeled: Iterable[str] = (),
    ) -> None:
        self._complete_sources, self._partly_labeled = frozenset(complete_sources), frozenset(partly_labeled)
        self._dataset = read_refcoco(root, split)
        self._complete = complete
        self._images = [i for i in self._dataset.images if not referred_only or self._dataset.referents_of(i)]
        self._listed = self._listed_categories()

    @property
    def dataset(self) -> RefCocoDataset:
        return self._dataset

    @property
    def names(self) -> tuple[str, ...]:
        """File names of the images, relative to ROOT/images."""
        return tuple(image.file_name for image in self._images)

    def _is_complete(self, image: ImageRecord) -> bool:
        return self._complete or image.source in self._complete_sources

    def _listed_categories(self) -> frozenset[str]:
        if self._complete:
            return frozenset(self._dataset.categories)
        # The data does not list the label set of a completely labeled part: the categories that occur in it belong to
        # it.
        images = [image for image in self._dataset.images if self._is_complete(image)]
        return frozenset(i.category for image in images for i in self._dataset.instances_of(image))

    def expressions(self) -> list[tuple[str, str]]:
        """(category, expression) of every expression, for use as no-target expressions of other images."""
        return [(r.instance.category, text) for r in self._dataset.referents for text in r.expressions]

    def __len__(self) -> int:
        return len(self._images)

    def scene(self, index: int) -> Scene:
        record = self._images[index]
        image = load_image(self._dataset.path_of(record))
        if image.shape[:2] != (record.height, record.width):
            raise DataError(
                f"{self._dataset.path_of(record)}: got an image of {image.shape[1]} x {image.shape[0]}, expected"
                f" {record.width} x {record.height} as in instances.json"
            )
        objects, position = _distinct_objects(self._dataset, record)
        referents = tuple(
            SceneReferent(position[r.instance.id], r.expressions)
            for r in self._dataset.referents_of(record)
            if r.instance.id in position
        )
        categories = frozenset(o.category for o in objects)
        crowds = _crowded(self._dataset, record)
        complete = self._is_complete(record)
        return Scene(
            image=image,
            objects=objects,
            referents=referents,
            complete=complete,
            listed=self._listed - _mentioned(record.captions, self._listed) if complete else frozenset(),
            exhaustive=frozenset() if record.source in self._partly_labeled else categories - crowds,
            flippable=not any(has_own_sides(category) for category in categories),
            name=f"{self._dataset.root.name}/{record.file_name}",
            no_target=self._dataset.no_target_expressions_of(record),
        )


def _mentioned(captions: Iterable[str], categories: Iterable[str]) -> frozenset[str]:
    """Categories that a caption mentions: labeled or not, they may be in the image."""
    text = " ".join(" ".join(captions).casefold().replace(".", " ").replace(",", " ").split())
    padded = f" {text} "
    return frozenset(c for c in categories if any(f" {form} " in padded for form in noun_of(c).forms))


def _crowded(dataset: RefCocoDataset, record: ImageRecord) -> frozenset[str]:
    """Categories with more instances than labels: those with a crowd label, with `MANY` instances, or with three if a
    caption mentions a crowd.
    """
    instances = dataset.instances_of(record)
    counts = Counter(i.category for i in instances)
    crowd_words = _CROWD_WORDS & set(" ".join(record.captions).casefold().replace(".", " ").split())
    least = 3 if crowd_words else MANY
    return frozenset(i.category for i in instances if i.crowd) | frozenset(
        c for c, count in counts.items() if count >= least
    )


def _distinct_objects(dataset: RefCocoDataset, record: ImageRecord) -> tuple[tuple[SceneObject, ...], dict[int, int]]:
    """The objects of an image without those labeled twice or empty, and the index of each instance id in them."""
    objects: list[SceneObject] = []
    areas: list[int] = []
    position: dict[int, int] = {}
    for instance in dataset.instances_of(record):
        mask = instance.mask(record.height, record.width)
        area = int(mask.sum())
        if area == 0:
            continue
        for index, other in enumerate(objects):
            if other.category != instance.category or not DUPLICATE_IOU < area / areas[index] < 1 / DUPLICATE_IOU:
                continue
            common = int((mask & other.mask).sum())
            if common > DUPLICATE_IOU * (area + areas[index] - common):
                position[instance.id] = index
                break
        else:
            position[instance.id] = len(objects)
            objects.append(SceneObject(instance.category, mask))
            areas.append(area)
    return tuple(objects), position
