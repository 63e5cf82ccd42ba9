"""Training batches of images, expressions and soft targets. A batch depends on the seed and the step number alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from refseg.data.augmentation import AugmentationConfig, Window, draw_window, jitter_colors, reword
from refseg.data.expression_mix import DEFAULT_MIX, DrawnExpression, ExpressionChooser
from refseg.data.image_sampler import ImageSampler
from refseg.data.masks import BoolMask, box_of
from refseg.data.scenes import Scene
from refseg.errors import DataError
from refseg.language import Tokenizer
from refseg.letterbox import PAD_VALUE, Letterbox

DEFAULT_AUGMENTATION = AugmentationConfig()
TARGET_STRIDE = 4


@dataclass(frozen=True)
class TrainingBatch:
    """B images and K expressions about them.

    images uint8 (B, S, S, 3) letterboxed; tokens int64 (K, T) and valid bool (K, T); image_index int64 (K,) into the
    images; masks uint8 (K, S/4, S/4), the share of each cell that the object covers, times 255; inside bool (B, S/4,
    S/4), the cells that are image and not padding, and windows float32 (B, 4), the same as x1 y1 x2 y2 in pixels;
    instances uint8 (M, S/4, S/4), single objects of the images instance_index int64 (M,); boxes float32 (K, O, 4), x1
    y1 x2 y2 in pixels of every referent, padded with zeros; kinds and texts, one for each expression.
    """

    images: NDArray[np.uint8]
    tokens: NDArray[np.int64]
    valid: NDArray[np.bool_]
    image_index: NDArray[np.int64]
    masks: NDArray[np.uint8]
    inside: NDArray[np.bool_]
    windows: NDArray[np.float32]
    instances: NDArray[np.uint8]
    instance_index: NDArray[np.int64]
    boxes: NDArray[np.float32]
    kinds: list[str]
    texts: list[str]


@dataclass(frozen=True)
class _Sample:
    image: NDArray[np.uint8]
    masks: list[NDArray[np.uint8]]
    inside: NDArray[np.bool_]
    window: tuple[int, int, int, int]
    instances: list[NDArray[np.uint8]]
    boxes: list[NDArray[np.float32]]
    texts: list[str]
    kinds: list[str]


class TrainingSampler:
    """An endless iterator of `TrainingBatch`, a function of (seed, step): set `step` to continue exactly from there.

    sources: (scenes, weight) pairs; an image is drawn from a source by weight and evenly within it.
    expressions_per_image: exactly so many for each image, repeated in other words if it has fewer. instances_per_image:
    masks of at most so many objects for each image. augmentation: None for none. target_stride: pixels to a cell of the
    targets. padding: gray level of the border. mix, borrowed: see `ExpressionChooser`. Raises DataError if there is no
    image, or if the image size is not a multiple of the stride.
    """

    def __init__(
        self,
        sources: Sequence[tuple[Sequence[Scene], float]],
        tokenizer: Tokenizer,
        *,
        image_size: int = 320,
        images_per_batch: int = 8,
        expressions_per_image: int = 4,
        seed: int = 0,
        step: int = 0,
        instances_per_image: int = 0,
        mix: Mapping[str, float] = DEFAULT_MIX,
        borrowed: Sequence[tuple[str, str]] = (),
        augmentation: AugmentationConfig | None = DEFAULT_AUGMENTATION,
        target_stride: int = TARGET_STRIDE,
        padding: int = PAD_VALUE,
    ) -> None:
        self._picker = ImageSampler(sources, ExpressionChooser(mix, borrowed))
        if not self._picker:
            raise DataError(
                "got no source with images and a weight above 0, expected at least one: check the data folders"
            )
        if image_size % target_stride:
            raise DataError(f"got the image size {image_size}, expected a multiple of {target_stride}")
        self._stride, self._padding = target_stride, padding
        self._tokenizer = tokenizer
        self._size = image_size
        self._images = images_per_batch
        self._expressions = expressions_per_image
        self._seed = seed
        self.step = step
        self._instances = instances_per_image
        self._augmentation = augmentation

    @property
    def state(self) -> dict[str, int]:
        """{"seed", "step"}: what a sampler with the same settings needs to continue."""
        return {"seed": self._seed, "step": self.step}

    def __iter__(self) -> Iterator[TrainingBatch]:
        return self

    def __next__(self) -> TrainingBatch:
        batch = self.batch(self.step)
        self.step += 1
        return batch

    def batch(self, step: int) -> TrainingBatch:
        """The batch of a step, independent of what was drawn before."""
        generators = (np.random.default_rng([self._seed, step, slot]) for slot in range(self._images))
        samples = [self._render(*self._picker.pick(self._expressions, rng), rng) for rng in generators]
        texts = [text for sample in samples for text in sample.texts]
        kinds = [kind for sample in samples for kind in sample.kinds]
        tokens, valid = self._tokenizer.batch([self._tokenizer.encode(text) for text in texts])
        return TrainingBatch(
            images=np.stack([sample.image for sample in samples]),
            tokens=tokens,
            valid=valid,
            image_index=np.repeat(np.arange(self._images, dtype=np.int64), self._expressions),
            masks=np.stack([mask for sample in samples for mask in sample.masks]),
            windows=np.array([sample.window for sample in samples], dtype=np.float32),
            instances=_stacked([mask for sample in samples for mask in sample.instances], self._size // self._stride),
            instance_index=np.repeat(
                np.arange(self._images, dtype=np.int64), [len(sample.instances) for sample in samples]
            ),
            boxes=_padded([boxes for sample in samples for boxes in sample.boxes]),
            inside=np.stack([sample.inside for sample in samples]),
            kinds=kinds,
            texts=texts,
        )

    def _render(self, scene: Scene, choices: Sequence[DrawnExpression], rng: np.random.Generator) -> _Sample:
        window = Window(0, 0, scene.image.shape[1], scene.image.shape[0])
        image, masks = scene.image, [scene.union(choice.objects) for choice in choices]
        shown = rng.permutation(len(scene.objects))[: self._instances]
        instances = [scene.objects[int(index)].mask for index in shown]
        texts = [choice.text for choice in choices]
        if self._augmentation is not None:
            window = draw_window(image.shape[:2], masks, texts, rng, self._augmentation, scene.flippable)
            image, masks, texts = (
                window.apply(image),
                [window.apply_mask(mask) for mask in masks],
                reword(texts, window),
            )
            instances = [window.apply_mask(mask) for mask in instances]
        letterbox = Letterbox.of(image, self._size)
        boxed = letterboxed(image, letterbox, self._padding)
        if self._augmentation is not None:
            jittered = jitter_colors(boxed, texts, rng, self._augmentation)
            boxed[letterbox.window] = jittered[letterbox.window]
        targets, singles = (
            [soft_target(mask, letterbox, self._stride) for mask in part] for part in (masks, instances)
        )
        return _Sample(
            image=boxed,
            masks=targets,
            inside=inside_cells(letterbox, self._stride),
            window=letterbox.corners,
            instances=[single for single in singles if single.max() >= 128],
            texts=texts,
            kinds=[choice.kind for choice in choices],
            boxes=[
                _boxes_of([scene.objects[index].mask for index in choice.objects], window, letterbox)
                for choice in choices
            ],
        )


def _boxes_of(masks: Sequence[BoolMask], window: Window, letterbox: Letterbox) -> NDArray[np.float32]:
    """Boxes (O, 4) of the visible parts of objects in a window, in pixels of its letterboxed square."""
    boxes = [box for mask in masks if (box := box_of(window.apply_mask(mask))) is not None]
    corners = letterbox.forward_points(np.array(boxes, dtype=np.float64).reshape(-1, 2))
    return corners.reshape(-1, 4).astype(np.float32)


def _padded(boxes: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    result = np.zeros((len(boxes), max((len(own) for own in boxes), default=0), 4), dtype=np.float32)
    for row, own in zip(result, boxes, strict=True):
        row[: len(own)] = own
    return result


def _stacked(masks: Sequence[NDArray[np.uint8]], size: int) -> NDArray[np.uint8]:
    return np.stack(masks) if masks else np.zeros((0, size, size), dtype=np.uint8)


def letterboxed(image: NDArray[np.uint8], letterbox: Letterbox, padding: int = PAD_VALUE) -> NDArray[np.uint8]:
    """An image (H, W, 3) in its square (S, S, 3); padding: gray level of the border."""
    return letterbox.forward(image, padding).astype(np.uint8, copy=False)


def soft_target(mask: BoolMask, letterbox: Letterbox, stride: int = TARGET_STRIDE) -> NDArray[np.uint8]:
    """The share of each cell (S/stride, S/stride) of the square that a mask (H, W) covers, times 255."""
    return _shrunk(letterbox.forward(mask.astype(np.uint8) * 255, 0), stride)


def inside_cells(letterbox: Letterbox, stride: int = TARGET_STRIDE) -> NDArray[np.bool_]:
    """The cells (S/stride, S/stride) of the square of which at least half is image, not border."""
    square = np.zeros((letterbox.size, letterbox.size), dtype=np.uint8)
    square[letterbox.window] = 255
    return _shrunk(square, stride) >= 128


def _shrunk(square: NDArray[np.uint8], stride: int) -> NDArray[np.uint8]:
    """(S, S) -> (S/4, S/4), each cell the mean of what it covers."""
    size = len(square) // stride
    return cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
