"""The presence score: a probability, a verdict, and what a checkpoint may say about it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refseg.errors import CheckpointError
from refseg.inference.calibration import PresenceCalibration


@given(scale=st.floats(1e-3, 100), shift=st.floats(-50, 50), logit=st.floats(-1e4, 1e4))
def test_probabilities_for_any_logit(scale: float, shift: float, logit: float) -> None:
    calibration = PresenceCalibration(scale, shift)
    assert 0 <= calibration.probability(logit) <= 1
    assert calibration.probability(logit) <= calibration.probability(logit + 1)


def test_the_default_is_the_sigmoid() -> None:
    assert PresenceCalibration().probability(0.7) == pytest.approx(1 / (1 + math.exp(-0.7)))


def test_survives_json() -> None:
    calibration = PresenceCalibration(2.5, -0.5, 0.25)
    assert PresenceCalibration.from_dict(calibration.to_dict()) == calibration


@pytest.mark.parametrize(
    "values",
    [None, [], {"scale": 1}, {"scale": 0, "shift": 0, "threshold": 0.5}, {"scale": 1, "shift": "0", "threshold": 0.5},
     {"scale": 1, "shift": math.nan, "threshold": 0.5}, {"scale": 1, "shift": 0, "threshold": 1},
     {"scale": True, "shift": 0, "threshold": 0.5}],
)  # fmt: skip
def test_strangers_values_are_refused(values: object) -> None:
    with pytest.raises(CheckpointError, match=r"presence.* is .*, expected an object of the numbers scale > 0"):
        PresenceCalibration.from_dict(values)
