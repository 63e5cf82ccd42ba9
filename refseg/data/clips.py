"""Training batches of clips: the frames of one window, and expressions about some of them.

By default half of them are real clips with a mask for every frame. The others are made from still images: a window
moves over the image, and each frame gets its labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from refseg.data.augmentation import AugmentationConfig, Window, draw_window, jitter_colors, reword
from refseg.data.batches import TrainingBatch, inside_cells, letterboxed, soft_target
from refseg.data.expression_mix import ExpressionChooser
from refseg.data.image_sampler import ImageSampler
from refseg.data.masks import BoolMask
from refseg.data.scenes import Scene
from refseg.data.sequences import LabeledClip
from refseg.data.wording import mentions_writing
from refseg.errors import DataError
from refseg.images import load_image
from refseg.language import Tokenizer
from refseg.letterbox import Letterbox

UintImage = NDArray[np.uint8]
LARGEST_STEP = 3  # frames of a clip from one frame of a window to the next, at most
MOVING = AugmentationConfig(crop=1.0, least_area=0.4, mild_side=0.85, gray=0.0, blur=0.0)


class ClipSampler:
    """Windows of `frames` frames with `expressions` expressions, each about one of the frames; a function of (seed,
    step).

    stills: (scenes, weight) pairs.  still_share: share of windows that are made from stills.  Raises DataError if there
    are neither clips nor stills.
    """

    def __init__(
        self,
        clips: Sequence[LabeledClip],
        stills: Sequence[tuple[Sequence[Scene], float]],
        tokenizer: Tokenizer,
        chooser: ExpressionChooser,
        *,
        image_size: int,
        frames: int,
        expressions: int,
        seed: int,
        still_share: float = 0.5,
    ) -> None:
        self._clips, self._stills = list(clips), ImageSampler(stills, chooser)
        if not self._clips and not self._stills:
            raise DataError("got neither clips nor images to train on, expected at least one: check the data folders")
        self._share = 1.0 if not self._clips else 0.0 if not self._stills else still_share
        self._tokenizer = tokenizer
        self._size, self._frames, self._expressions, self._seed = image_size, frames, expressions, seed

    def batch(self, step: int) -> TrainingBatch:
        """The window of a step, independent of what was drawn before."""
        rng = np.random.default_rng([self._seed, step])
        images, masks, texts, index = self._from_still(rng) if rng.random() < self._share else self._from_clip(rng)
        letterbox = Letterbox.of(images[0], self._size)
        inside = inside_cells(letterbox)
        tokens, valid = self._tokenizer.batch([self._tokenizer.encode(text) for text in texts])
        count = len(images)
        return TrainingBatch(
            images=np.stack([letterboxed(image, letterbox) for image in images]),
            tokens=tokens,
            valid=valid,
            image_index=np.array(index, dtype=np.int64),
            masks=np.stack([soft_target(mask, letterbox) for mask in masks]),
            inside=np.repeat(inside[None], count, axis=0),
            windows=np.tile(np.array(letterbox.corners, dtype=np.float32), (count, 1)),
            instances=np.zeros((0, *inside.shape), dtype=np.uint8),
            instance_index=np.zeros(0, dtype=np.int64),
            boxes=np.zeros((len(texts), 0, 4), dtype=np.float32),
            kinds=["clip"] * len(texts),
            texts=texts,
        )

    def _from_clip(self, rng: np.random.Generator) -> tuple[list[UintImage], list[BoolMask], list[str], list[int]]:
        """Frames of a clip at a constant step, all mirrored and colored alike."""
        clip = self._clips[int(rng.integers(len(self._clips)))]
        step = int(rng.integers(1, LARGEST_STEP + 1))
        count = min(self._frames, max(1, (len(clip) - 1) // step + 1))
        start = int(rng.integers(len(clip) - (count - 1) * step))
        numbers = [start + step * position for position in range(count)]
        index = [int(i) for i in rng.integers(count, size=self._expressions)]
        texts = [clip.expressions[int(i)] for i in rng.integers(len(clip.expressions), size=self._expressions)]
        images = [load_image(clip.image_paths[number]) for number in numbers]
        mirrored = bool(rng.random() < 0.5) and not any(mentions_writing(text) for text in texts)
        window = Window(0, 0, images[0].shape[1], images[0].shape[0], mirrored)
        color_seed = int(rng.integers(2**31))
        changed = [
            jitter_colors(window.apply(image), texts, np.random.default_rng(color_seed), MOVING) for image in images
        ]
        masks = [window.apply_mask(clip.mask(numbers[position])) for position in index]
        return changed, masks, reword(texts, window), index

    def _from_still(self, rng: np.random.Generator) -> tuple[list[UintImage], list[BoolMask], list[str], list[int]]:
        """A window of constant size that moves over an image between two positions that both show the objects."""
        scene, choices = self._stills.pick(self._expressions, rng)
        masks, texts = [scene.union(choice.objects) for choice in choices], [choice.text for choice in choices]
        first = draw_window(scene.image.shape[:2], masks, texts, rng, MOVING, scene.flippable)
        second = draw_window(scene.image.shape[:2], masks, texts, rng, MOVING, flippable=False)
        path = moving_windows(first, second, self._frames, scene.image.shape[:2])
        index = [int(i) for i in rng.integers(len(path), size=len(texts))]
        color_seed = int(rng.integers(2**31))
        images = [
            jitter_colors(window.apply(scene.image), texts, np.random.default_rng(color_seed), MOVING)
            for window in path
        ]
        visible = [path[position].apply_mask(mask) for position, mask in zip(index, masks, strict=True)]
        return images, visible, reword(texts, first), index


def moving_windows(first: Window, second: Window, frames: int, shape: tuple[int, int]) -> list[Window]:
    """`frames` windows of the first one's size that move to the second one's position, inside an image (H, W)."""
    height, width = first.bottom - first.top, first.right - first.left
    places = []
    for share in np.linspace(0, 1, frames):
        left = min(round((1 - share) * first.left + share * second.left), shape[1] - width)
        top = min(round((1 - share) * first.top + share * second.top), shape[0] - height)
        places.append(Window(left, top, left + width, top + height, first.mirrored))
    return places
