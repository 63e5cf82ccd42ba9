"""Evaluation on no-target expressions: those that name nothing in the image."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from refseg.data.nouns import confusable_with
from refseg.data.refcoco import ImageRecord, RefCocoDataset
from refseg.errors import DataError
from refseg.evaluation.predictor_protocol import SegmentingPredictor, segment_each
from refseg.images import load_image

BINS = 10


class SegmentationWithPresence(Protocol):
    """What the evaluation needs of a segmentation: the probability of presence (None: the model predicts none) and the
    verdict.
    """

    @property
    def presence(self) -> float | None: ...
    @property
    def no_target(self) -> bool: ...


@dataclass(frozen=True)
class PresenceSamples:
    """N expressions: presence (N,) in 0..1, verdicts no_target (N,), present (N,): whether the image has a target, and
    image_ids (N,).
    """

    presence: NDArray[np.float64]
    no_target: NDArray[np.bool_]
    present: NDArray[np.bool_]
    image_ids: NDArray[np.int64]


def no_target_expressions(
    dataset: RefCocoDataset, image: ImageRecord, count: int, rng: np.random.Generator
) -> list[str]:
    """At most `count` expressions about other images, of categories that are not in this one and not easily confused
    with one that is.

    The data set must label every object of its categories. Otherwise the expressions may have a target in the image.
    """
    present = {instance.category for instance in dataset.instances_of(image)}
    free = [
        text
        for referent in dataset.referents
        if referent.instance.image_id != image.id and not confusable_with(referent.instance.category) & present
        for text in referent.expressions
    ]
    return [free[int(index)] for index in rng.permutation(len(free))[:count]]


def presence_samples(
    predictor: SegmentingPredictor[SegmentationWithPresence],
    dataset: RefCocoDataset,
    per_image: int = 6,
    seed: int = 0,
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PresenceSamples:
    """Answer all expressions of each image, and at most `per_image` no-target expressions.

    limit: so many images at most. Expressions without any word are left out. Raises DataError if there is no image with
    expressions, or if the model has no presence score.
    """
    images = [image for image in dataset.images if dataset.referents_of(image)][:limit]
    rng = np.random.default_rng(seed)
    rows: list[tuple[float, bool, bool, int]] = []
    for done, image in enumerate(images, start=1):
        own = [text for referent in dataset.referents_of(image) for text in referent.expressions]
        unmatched = no_target_expressions(dataset, image, per_image, rng)
        answers = segment_each(predictor, predictor.encode(load_image(dataset.path_of(image))), own + unmatched)
        for number, answer in enumerate(answers):
            if answer is None:
                continue
            if answer.presence is None:
                raise DataError(
                    "the model has no presence score, expected one trained with `presence`: choose another model"
                )
            rows.append((answer.presence, answer.no_target, number < len(own), image.id))
        if progress is not None:
            progress(done, len(images))
    if not rows:
        raise DataError(f"{dataset.root}: got no image with expressions, expected at least one: choose another split")
    presence, no_target, present, image_ids = (np.array(column) for column in zip(*rows, strict=True))
    return PresenceSamples(
        presence.astype(np.float64), no_target.astype(np.bool_), present.astype(np.bool_), image_ids.astype(np.int64)
    )


def summarize_no_target(samples: PresenceSamples) -> dict[str, Any]:
    """Results for JSON, shares in 0..1.

    {"present", "absent": numbers of expressions with and without target, "empty": share of those without target that
    get the verdict no-target, "false_alarms": share of those with target that get it, "ranking": how often the score of
    one with target is higher than that of one without, "calibration": ten bins {"from", "to", "n", "mean", "there"} of
    the presence score, both groups with the same total weight; "mean" is the score, "there" the true share;
    "error": mean difference of these over the bins}.
    """
    present = samples.present
    weight = np.where(present, 0.5 / max(1, present.sum()), 0.5 / max(1, (~present).sum()))
    edges = np.linspace(0, 1, BINS + 1)
    bins, error = [], 0.0
    for low, high in itertools.pairwise(edges):
        inside = (samples.presence >= low) & ((samples.presence < high) | (high == 1))
        total = float(weight[inside].sum())
        mean = float((weight * samples.presence)[inside].sum() / total) if total else None
        truth = float((weight * present)[inside].sum() / total) if total else None
        bins.append(
            {
                "from": round(float(low), 2),
                "to": round(float(high), 2),
                "n": int(inside.sum()),
                "mean": mean,
                "there": truth,
            }
        )
        error += total * abs(mean - truth) if mean is not None and truth is not None else 0.0
    return {
        "present": int(present.sum()),
        "absent": int((~present).sum()),
        "empty": float(samples.no_target[~present].mean()) if (~present).any() else None,
        "false_alarms": float(samples.no_target[present].mean()) if present.any() else None,
        "ranking": _ranking(samples.presence[present], samples.presence[~present]),
        "calibration": bins,
        "error": error,
    }


def _ranking(with_target: NDArray[np.float64], without: NDArray[np.float64]) -> float | None:
    """Area under the ROC curve, by ranks; ties count half."""
    if not len(with_target) or not len(without):
        return None
    ordered = np.sort(without)
    below, up_to = np.searchsorted(ordered, with_target, "left"), np.searchsorted(ordered, with_target, "right")
    return float((below + up_to).mean() / 2 / len(without))
