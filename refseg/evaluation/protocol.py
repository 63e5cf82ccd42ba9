"""Evaluation on a data set of the RefCOCO layout."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from refseg.data.masks import BoolMask
from refseg.data.refcoco import ImageRecord, RefCocoDataset
from refseg.errors import DataError
from refseg.evaluation.kinds import KINDS, kinds_of
from refseg.evaluation.metrics import Score
from refseg.evaluation.predictor_protocol import SegmentingPredictor, describe_verdict, segment_each
from refseg.images import load_image
from refseg.mask_iou import iou

# Another label of the same category with at least this IoU with the referent is the same object labeled twice.
DUPLICATE_IOU = 0.7


class MeasuredSegmentation(Protocol):
    """What the evaluation needs of a segmentation."""

    def mask(self, threshold: float | None = None, refine: str = "none") -> NDArray[np.bool_]:
        """Bool mask (H, W) at the image's own size."""
        ...


def evaluate_refcoco(
    predictor: SegmentingPredictor[MeasuredSegmentation],
    dataset: RefCocoDataset,
    refine: str = "none",
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    threshold: float | None = None,
) -> dict[str, Any]:
    """Measure on every expression of every referent of a data set (one split, as read).

    An image is encoded once, and its expressions are answered in one pass. limit: so many images at most.
    progress(done, images) is called after each image. threshold: instead of the predictor's own. The result is
    ready for JSON, shares in 0..1: {"n", "images", "overall_iou", "mean_iou", "precision": {"0.5": ...}, "seconds",
    "protocol", "unusable", "kinds": {kind: the same figures}, "disambiguation": {"n", "accuracy", "chance"}}.
    "unusable" counts expressions without any word, which are scored as empty masks. Raises DataError if no image
    has expressions or the data is malformed.
    """
    images = [image for image in dataset.images if dataset.referents_of(image)][:limit]
    if not images:
        raise DataError(
            f"{dataset.root}: got no image with expressions, expected at least one: choose another split or limit"
        )
    started = time.perf_counter()
    total, by_kind, disambiguation = Score(), {kind: Score() for kind in KINDS}, _Disambiguation()
    unusable = 0
    for done, image in enumerate(images, start=1):
        pixels = load_image(dataset.path_of(image))
        _check_size(dataset, image, pixels)
        texts = [text for referent in dataset.referents_of(image) for text in referent.expressions]
        # Only masks are kept: answers have maps of the image's size.
        masks = [
            None if answer is None else answer.mask(threshold=threshold, refine=refine)
            for answer in segment_each(predictor, predictor.encode(pixels), texts)
        ]
        unusable += sum(mask is None for mask in masks)
        empty = np.zeros(pixels.shape[:2], dtype=bool)
        predictions = iter([empty if mask is None else mask for mask in masks])
        for referent in dataset.referents_of(image):
            target = referent.instance.mask(image.height, image.width)
            rivals = _rivals(dataset, image, referent.instance.id, referent.instance.category, target)
            for text in referent.expressions:
                prediction = next(predictions)
                total.add(prediction, target)
                disambiguation.add(prediction, target, rivals)
                for kind in kinds_of(text):
                    by_kind[kind].add(prediction, target)
        if progress is not None:
            progress(done, len(images))
    used = getattr(predictor, "threshold", None) if threshold is None else threshold
    return {
        **total.summary(),
        "images": len(images),
        "seconds": round(time.perf_counter() - started, 3),
        "protocol": _describe(used, refine, limit, describe_verdict(threshold)),
        "unusable": unusable,
        "kinds": {kind: score.summary() for kind, score in by_kind.items()},
        "disambiguation": disambiguation.summary(),
    }


def _check_size(dataset: RefCocoDataset, image: ImageRecord, pixels: NDArray[np.uint8]) -> None:
    if pixels.shape[:2] != (image.height, image.width):
        raise DataError(
            f"{dataset.path_of(image)}: got an image of {pixels.shape[1]} x {pixels.shape[0]}, expected {image.width} x"
            f" {image.height} as in instances.json"
        )


def _rivals(
    dataset: RefCocoDataset, image: ImageRecord, referent_id: int, category: str, target: BoolMask
) -> list[BoolMask]:
    """Masks of the other instances of the category, each object once, without duplicate labels of the referent."""
    distinct = [target]
    for instance in dataset.instances_of(image):
        if instance.id == referent_id or instance.category != category or instance.crowd:
            continue
        mask = instance.mask(image.height, image.width)
        if mask.any() and all(iou(mask, other) < DUPLICATE_IOU for other in distinct):
            distinct.append(mask)
    return distinct[1:]


class _Disambiguation:
    """Share of expressions with rivals for which the predicted mask overlaps the referent best."""

    def __init__(self) -> None:
        self._correct = 0
        self._chances: list[float] = []

    def add(self, prediction: BoolMask, target: BoolMask, rivals: Sequence[BoolMask]) -> None:
        if not rivals:
            return
        self._chances.append(1 / (1 + len(rivals)))
        self._correct += iou(prediction, target) > max(iou(prediction, rival) for rival in rivals)

    def summary(self) -> dict[str, float | int | None]:
        count = len(self._chances)
        return {
            "n": count,
            "accuracy": self._correct / count if count else None,
            "chance": sum(self._chances) / count if count else None,
        }


def _describe(threshold: float | None, refine: str, limit: int | None, verdict: str) -> str:
    cut = f"thresholded at {threshold:g}" if threshold is not None else "thresholded at the model's own value"
    refined = "" if refine == "none" else f" after refinement by {refine}"
    part = "" if limit is None else f", on the first {limit} images"
    return (
        f"Every expression of every referent is one sample{part}; the probability, resized to the image's own size, is"
        f" {cut}{refined} and compared with the labeled mask; {verdict}; overall IoU is the sum of intersections over"
        " the sum of unions, two empty masks have IoU 1, and precision@X is the share of samples with an IoU of at"
        " least X."
    )
