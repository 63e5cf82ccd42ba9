"""Fitting the presence score: the truth is found again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refseg.evaluation.no_target import PresenceSamples
from refseg.training.calibrate import fit, logistic_fit


@settings(deadline=None, max_examples=25)
@given(scale=st.floats(0.4, 3), shift=st.floats(-1.5, 1.5))
def test_the_logistic_that_made_the_data_is_found(scale: float, shift: float) -> None:
    rng = np.random.default_rng(0)
    # classes of one weight: draw both from the model's own class conditionals
    x = rng.normal(-shift / scale, 3, size=60_000)
    p = 1 / (1 + np.exp(-(scale * x + shift)))
    y = rng.random(len(x)) < p
    found = logistic_fit(x, y)
    assert found[0] == pytest.approx(scale, rel=0.1)
    assert found[1] == pytest.approx(shift, abs=0.15)


def test_separable_data_stay_finite() -> None:
    scale, shift = logistic_fit(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([False, False, True, True]))
    assert 0 < scale < 1e4 and np.isfinite(shift)


def test_the_verdict_fails_as_many_as_allowed() -> None:
    rng = np.random.default_rng(1)
    logits = np.concatenate([rng.normal(2, 1, 2000), rng.normal(-1, 1, 500)])
    there = np.arange(2500) < 2000
    presence = 1 / (1 + np.exp(-logits))
    calibration = fit(PresenceSamples(presence, np.zeros(2500, bool), there, np.arange(2500)), false_alarms=0.1)
    verdicts = np.array([calibration.probability(logit) < calibration.threshold for logit in logits])
    assert verdicts[there].mean() == pytest.approx(0.1, abs=0.002)
    assert verdicts[~there].mean() > 0.95
