"""Masks that formats may stumble over, and how a project is exported in a test."""

from pathlib import Path

import numpy as np

from refseg.annotation.formats import EXPORTERS
from refseg.annotation.sinks import open_sink
from refseg.annotation.store import Project

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


def exported(project: Project, name: str, path: Path) -> int:
    """What the format's exporter returns."""
    with open_sink(path) as sink:
        return EXPORTERS[name](project, sink)
