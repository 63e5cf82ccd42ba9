"""How a predictor is measured on expressions about objects that are not in the image."""

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
    """What the protocol needs of a segmentation: the probability of presence (None: the model has none) and the
    verdict.
    """

    @property
    def presence(self) -> float | None: ...
    @property
    def absent(self) -> bool: ...


@dataclass(frozen=True)
class PresenceSamples:
    """presence (N,) in 0..1 and verdicts absent (N,) of N expressions; there (N,): whether the object is in the image;
    images (N,).
    """

    presence: NDArray[np.float64]
    absent: NDArray[np.bool_]
    there: NDArray[np.bool_]
    pictures: NDArray[np.int64]


def no_target_expressions(dataset: RefCocoDataset, image: ImageRecord, count: int, rng: np.random.Generator) -> list[str]:
    """At most `count` expressions about other images, of categories that neither are in this one nor could be taken for
    one that is.

    The data set must label every object of its categories, or the expressions may be true of the image after all.
    """
    present = {instance.category for instance in dataset.instances_of(image)}
    free = [
        sentence
        for referent in dataset.referents
        if referent.instance.image_id != image.id and not confusable_with(referent.instance.category) & present
        for sentence in referent.expressions
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
    """Ask for everything people wrote about each image and for `per_image` objects that are not there.

    limit: so many images at most. Sentences without any word are left out. Raises DataError where there is nothing to
    ask or the model has no presence score.
    """
    images = [image for image in dataset.images if dataset.referents_of(image)][:limit]
    rng = np.random.default_rng(seed)
    rows: list[tuple[float, bool, bool, int]] = []
    for done, image in enumerate(images, start=1):
        own = [sentence for referent in dataset.referents_of(image) for sentence in referent.expressions]
        foreign = no_target_expressions(dataset, image, per_image, rng)
        answers = segment_each(predictor, predictor.encode(load_image(dataset.path_of(image))), own + foreign)
        for number, answer in enumerate(answers):
            if answer is None:
                continue
            if answer.presence is None:
                raise DataError("the model has no presence score, expected one trained with `presence`: choose another model")
            rows.append((answer.presence, answer.no_target, number < len(own), image.id))
        if progress is not None:
            progress(done, len(images))
    if not rows:
        raise DataError(f"{dataset.root}: got no image with expressions, expected at least one: choose another split")
    presence, absent, there, pictures = (np.array(column) for column in zip(*rows, strict=True))
    return PresenceSamples(presence.astype(np.float64), absent.astype(np.bool_), there.astype(np.bool_), pictures.astype(np.int64))


def summarize_no_target(samples: PresenceSamples) -> dict[str, Any]:
    """Figures for JSON, shares in 0..1.

    {"present", "absent": numbers of expressions, "empty": share of the absent ones with the verdict "not there",
    "false_alarms": share of the present ones with it, "ranking": how often a present one scores higher than an absent
    one, "calibration": ten bins {"from", "to", "n", "mean", "there"} of the presence score, present and absent ones
    weighing the same, "error": mean distance of score and truth over the bins}.
    """
    there = samples.present
    weight = np.where(there, 0.5 / max(1, there.sum()), 0.5 / max(1, (~there).sum()))
    edges = np.linspace(0, 1, BINS + 1)
    bins, error = [], 0.0
    for low, high in itertools.pairwise(edges):
        inside = (samples.presence >= low) & ((samples.presence < high) | (high == 1))
        total = float(weight[inside].sum())
        mean = float((weight * samples.presence)[inside].sum() / total) if total else None
        truth = float((weight * there)[inside].sum() / total) if total else None
        bins.append({"from": round(float(low), 2), "to": round(float(high), 2), "n": int(inside.sum()), "mean": mean, "there": truth})
        error += total * abs(mean - truth) if mean is not None and truth is not None else 0.0
    return {
        "present": int(there.sum()),
        "absent": int((~there).sum()),
        "empty": float(samples.no_target[~there].mean()) if (~there).any() else None,
        "false_alarms": float(samples.no_target[there].mean()) if there.any() else None,
        "ranking": _ranking(samples.presence[there], samples.presence[~there]),
        "calibration": bins,
        "error": error,
    }


def _ranking(present: NDArray[np.float64], absent: NDArray[np.float64]) -> float | None:
    """Area under the curve of receiver operating characteristic, by ranks; ties count half."""
    if not len(present) or not len(absent):
        return None
    ordered = np.sort(absent)
    below, upto = np.searchsorted(ordered, present, "left"), np.searchsorted(ordered, present, "right")
    return float((below + upto).mean() / 2 / len(absent))
