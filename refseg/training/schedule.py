"""Learning-rate schedules: the factor of the rates at a step of a phase."""

import math
from typing import Literal

Schedule = Literal["cosine", "polynomial"]


def warm_cosine(step: int, steps: int, warmup: int, floor: float = 0.05) -> float:
    """Factor in 0..1: linear over `warmup` steps, then half a cosine down to `floor` at `steps`."""
    if step < warmup:
        return (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, steps - warmup))
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))


def polynomial(step: int, steps: int, warmup: int, power: float = 0.9) -> float:
    """Factor in 0..1: linear over `warmup` steps, then (1 - progress)^power, as DeepLab and the paper have it."""
    if step < warmup:
        return (step + 1) / warmup
    return float(max(0.0, 1 - (step - warmup) / max(1, steps - warmup)) ** power)


SCHEDULES = {"cosine": warm_cosine, "polynomial": polynomial}
