"""Caches scenes in little memory: images as JPEG, masks as bits within their boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from refseg.data.masks import BoolMask, box_of
from refseg.data.scenes import Scene, SceneObject, SceneSource


@dataclass(frozen=True)
class PackedMask:
    """A bool mask (height, width) as the bits within its box (left, top, right, bottom)."""

    height: int
    width: int
    box: tuple[int, int, int, int]
    bits: NDArray[np.uint8]

    @classmethod
    def of(cls, mask: BoolMask) -> PackedMask:
        box = box_of(mask) or (0, 0, 0, 0)
        left, top, right, bottom = box
        return cls(mask.shape[0], mask.shape[1], box, np.packbits(mask[top:bottom, left:right]))

    def unpack(self) -> BoolMask:
        """The mask, bool (height, width)."""
        left, top, right, bottom = self.box
        mask = np.zeros((self.height, self.width), dtype=bool)
        area = (bottom - top) * (right - left)
        mask[top:bottom, left:right] = np.unpackbits(self.bits, count=area).reshape(bottom - top, right - left)
        return mask


@dataclass(frozen=True)
class _PackedScene:
    jpeg: bytes
    masks: tuple[PackedMask, ...]
    bare: Scene

    @property
    def size(self) -> int:
        return len(self.jpeg) + sum(mask.bits.nbytes for mask in self.masks) + 1000


class SceneCache(SceneSource):
    """Reads each scene of a source once and keeps it packed; about 80 kB for an image of 512 pixels.

    limit: the longer side above which images are shrunk. budget: bytes to keep at most; further scenes are read
    again each time.
    """

    def __init__(
        self, source: Sequence[Scene], *, limit: int = 512, budget: int = 2_000_000_000, quality: int = 95
    ) -> None:
        self._source = source
        self._limit = limit
        self._budget = budget
        self._quality = quality
        self._packed: dict[int, _PackedScene] = {}
        self._used = 0

    @property
    def used_bytes(self) -> int:
        """Bytes held now."""
        return self._used

    def __len__(self) -> int:
        return len(self._source)

    def scene(self, index: int) -> Scene:
        packed = self._packed.get(index)
        if packed is None:
            packed = self._pack(_shrunk(self._source[index], self._limit))
            if self._used + packed.size <= self._budget:
                self._packed[index] = packed
                self._used += packed.size
        # The first read is unpacked as well, so that a scene does not depend on whether it was cached.
        return _unpack(packed)

    def _pack(self, scene: Scene) -> _PackedScene:
        parameters = [cv2.IMWRITE_JPEG_QUALITY, self._quality]
        jpeg = cv2.imencode(".jpg", cv2.cvtColor(scene.image, cv2.COLOR_RGB2BGR), parameters)[1].tobytes()
        bare_objects = tuple(SceneObject(o.category, np.zeros((0, 0), dtype=bool)) for o in scene.objects)
        bare = replace(scene, image=np.zeros((0, 0, 3), np.uint8), objects=bare_objects)
        return _PackedScene(jpeg, tuple(PackedMask.of(o.mask) for o in scene.objects), bare)


def _unpack(packed: _PackedScene) -> Scene:
    # The bytes were encoded by `_pack`, so decoding succeeds.
    decoded = cast("NDArray[np.uint8]", cv2.imdecode(np.frombuffer(packed.jpeg, dtype=np.uint8), cv2.IMREAD_COLOR))
    image = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
    objects = tuple(
        SceneObject(o.category, mask.unpack()) for o, mask in zip(packed.bare.objects, packed.masks, strict=True)
    )
    return replace(packed.bare, image=image, objects=objects)


def _shrunk(scene: Scene, limit: int) -> Scene:
    height, width = scene.image.shape[:2]
    scale = limit / max(height, width)
    if scale >= 1:
        return scene
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = cv2.resize(scene.image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    objects = tuple(
        SceneObject(o.category, cv2.resize(o.mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) >= 128)
        for o in scene.objects
    )
    return replace(scene, image=image, objects=objects)
