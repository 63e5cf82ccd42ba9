"""Running means of a phase's figures, printed and logged."""

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from refseg.training.state import writing

LOG_EVERY = 10


class Meter:
    """Prints and logs running means: one JSON line per LOG_EVERY steps in `output`/log.jsonl."""

    def __init__(self, output: Path, phase: str, steps: int) -> None:
        self.output, self.phase, self.steps = output, phase, steps
        self.rows: list[dict[str, float]] = []
        self.since = time.monotonic()

    def update(self, step: int, figures: Mapping[str, Tensor]) -> None:
        """Add the figures of a step, counted over all phases."""
        self.rows.append({name: value.item() for name, value in figures.items()})
        if step % LOG_EVERY:
            return
        means = {
            name: [row[name] for row in self.rows if math.isfinite(row.get(name, math.nan))] for name in self.rows[-1]
        }
        now = time.monotonic()
        rate = (now - self.since) / len(self.rows)
        record = {name: round(sum(values) / len(values), 4) for name, values in means.items() if values} | {
            "seconds_per_step": round(rate, 3)
        }
        with writing(self.output), (self.output / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps({"step": step, "phase": self.phase} | record) + "\n")
        print(f"{self.phase} {step}/{self.steps}", *(f"{k} {v}" for k, v in record.items()), flush=True)
        self.rows, self.since = [], now
