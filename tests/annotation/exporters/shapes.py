"""Masks that formats may stumble over."""

import numpy as np

SHAPE = (40, 60)


def masks() -> list[np.ndarray]:
    """A box, noise, a ring with a hole, two pieces, a single pixel."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    radius = np.hypot(y - 20, x - 30)
    pieces = (x < 5) | (x > 55)
    dot = np.zeros(SHAPE, bool)
    dot[39, 59] = True
    return [(y > 10) & (y < 30) & (x < 20), rng.random(SHAPE) > 0.5, (radius < 18) & (radius > 9), pieces, dot]


def visible(masks: list[np.ndarray]) -> list[np.ndarray]:
    """What is left of each if a pixel is of one object, the smallest one; of equal ones the last."""
    order = sorted(range(len(masks)), key=lambda position: -masks[position].sum())
    left = {}
    for place, position in enumerate(order):
        covered = np.any([np.zeros_like(masks[0]), *(masks[other] for other in order[place + 1 :])], axis=0)
        left[position] = masks[position] & ~covered
    return [left[position] for position in range(len(masks))]
