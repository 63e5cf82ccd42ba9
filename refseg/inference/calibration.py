"""Calibration: from the presence logit of the network to a reliable probability and a verdict.

p = sigmoid(scale * logit + shift), fitted by logistic regression on held-back images, on which expressions with
and without a target have the same total weight (Platt, 1999). Below `threshold` the verdict is no-target.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

from refseg.errors import CheckpointError


@dataclass(frozen=True)
class PresenceCalibration:
    """scale > 0 and shift of the logit; threshold 0..1, 0 for no verdict."""

    scale: float = 1.0
    shift: float = 0.0
    threshold: float = 0.0

    def probability(self, logit: float) -> float:
        """0..1: that the image has what the expression names."""
        value = self.scale * logit + self.shift
        return 1 / (1 + math.exp(-value)) if value > -700 else 0.0

    def to_dict(self) -> dict[str, float]:
        """Plain JSON types; the inverse of `from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Any) -> "PresenceCalibration":
        """From a checkpoint's config.json; raises CheckpointError for anything but three finite numbers in their
        ranges.
        """
        expected = "an object of the numbers scale > 0, shift and threshold from 0 to below 1"
        if not isinstance(values, dict) or set(values) != {"scale", "shift", "threshold"}:
            raise CheckpointError(f"presence is {str(values)[:60]!r}, expected {expected}")
        for name, value in values.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e6:
                raise CheckpointError(f"presence.{name} is {str(value)[:60]!r}, expected {expected}")
        if values["scale"] <= 0 or not 0 <= values["threshold"] < 1:
            raise CheckpointError(f"presence is {values!r}, expected {expected}")
        return cls(**{name: float(value) for name, value in values.items()})
