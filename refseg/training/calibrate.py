"""Calibrate the presence of a trained system on held-back images."""

import numpy as np
from numpy.typing import NDArray

from refseg.data.refcoco import RefCocoDataset
from refseg.evaluation.no_target import PresenceSamples, presence_samples
from refseg.inference.calibration import PresenceCalibration
from refseg.inference.predictor import Predictor
from refseg.language import Vocabulary
from refseg.models.system import System

FALSE_ALARMS = 0.05  # share of expressions with a target that the verdict may call no-target


def calibrate(
    system: System, vocabulary: Vocabulary, dataset: RefCocoDataset, per_image: int = 6
) -> PresenceCalibration:
    """Fit scale and shift on the expressions of `dataset` and on borrowed ones, and choose the threshold of the verdict
    so that `FALSE_ALARMS` of those with a target fall below it."""
    predictor = Predictor(system, vocabulary, device=str(next(system.parameters()).device), precision="float32")
    return fit(presence_samples(predictor, dataset, per_image))


def fit(samples: PresenceSamples, false_alarms: float = FALSE_ALARMS) -> PresenceCalibration:
    """samples: of a predictor without calibration, so that presence = sigmoid(logit). Expressions with and without a
    target have the same total weight.
    """
    probability = np.clip(samples.presence, 1e-12, 1 - 1e-12)
    logits = np.log(probability / (1 - probability))
    scale, shift = logistic_fit(logits, samples.present)
    calibration = PresenceCalibration(scale, shift)
    cut = float(np.quantile(logits[samples.present], false_alarms))
    return PresenceCalibration(round(scale, 6), round(shift, 6), round(min(calibration.probability(cut), 0.999999), 6))


def logistic_fit(x: NDArray[np.float64], y: NDArray[np.bool_], steps: int = 100) -> tuple[float, float]:
    """(scale > 0, shift) of p = sigmoid(scale * x + shift), both classes with the same total weight, with a weak prior
    on the scale.

    Newton's method, each step halved until it helps.
    """
    weight = np.where(y, 0.5 / max(1, y.sum()), 0.5 / max(1, (~y).sum()))
    design = np.stack([x, np.ones_like(x)], axis=1)
    prior, ridge = np.array([1.0, 0.0]), np.diag([1e-3, 1e-6])

    def loss(candidate: NDArray[np.float64]) -> float:
        value, away = design @ candidate, candidate - prior
        return float(weight @ (np.logaddexp(0, value) - y * value) + 0.5 * away @ ridge @ away)

    solution = np.array([1.0, 0.0])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(design @ solution, -500, 500)))
        gradient = design.T @ (weight * (p - y)) + ridge @ (solution - prior)
        curvature = design.T @ (design * (weight * p * (1 - p))[:, None]) + ridge
        step = np.linalg.solve(curvature, gradient)
        now = loss(solution)
        while loss(solution - step) > now and float(np.abs(step).max()) > 1e-10:
            step = step / 2
        solution = solution - step
        if float(np.abs(step).max()) < 1e-9:
            break
    return max(float(solution[0]), 1e-3), float(solution[1])
