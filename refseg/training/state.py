"""The state of a run on disk: tensors and counters in one safetensors file, written atomically, so that a killed run
resumes.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from refseg.errors import DataError
from refseg.files import replacing, unwritable
from refseg.models.system import System

TENSORS = "state.safetensors"


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """For blocks that only write into a run's folder. Raises InputError if that fails."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise unwritable(folder, error) from error


def save_state(
    folder: Path, network: System, average: System, optimizer: torch.optim.Optimizer, counters: dict[str, Any]
) -> None:
    """Write network, moving average and the optimizer's moments; `counters` (JSON types) must have "step"."""
    tensors: dict[str, Tensor] = {}
    for prefix, module in (("network", network), ("average", average)):
        tensors |= {f"{prefix}/{name}": value.contiguous() for name, value in module.state_dict().items()}
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": torch.as_tensor(value).contiguous() for name, value in values.items()}
    tensors = {name: value.detach().cpu().clone() for name, value in tensors.items()}
    with replacing(folder / TENSORS) as temporary:
        save_file(tensors, temporary, metadata={"counters": json.dumps(counters)})


def load_state(folder: Path, network: System, average: System, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Restore what `save_state` wrote; returns the counters. Raises DataError if there is no state, or if it
    belongs to another network.
    """
    path, counters = folder / TENSORS, load_counters(folder)
    try:
        tensors = load_file(path)
        for prefix, module in (("network", network), ("average", average)):
            module.load_state_dict(
                {name.partition("/")[2]: value for name, value in tensors.items() if name.startswith(prefix + "/")}
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise _unusable(path, error) from error
    state = optimizer.state_dict()
    state["state"] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer/"):
            _, index, key = name.split("/")
            state["state"].setdefault(int(index), {})[key] = value
    optimizer.load_state_dict(state)
    return counters


def load_counters(folder: Path) -> dict[str, Any]:
    """The counters alone. Raises DataError if there is no state."""
    path = folder / TENSORS
    try:
        with safe_open(path, framework="pt") as stored:
            counters: dict[str, Any] = json.loads((stored.metadata() or {})["counters"])
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        raise _unusable(path, error) from error
    return counters


def check_plan(folder: Path, plan: Mapping[str, Any]) -> None:
    """Raises DataError if `plan` differs from the counter "plan" of the saved state in one of its keys. A state without
    this counter is compared by the name of its recipe only."""
    counters = load_counters(folder)
    earlier = counters.get("plan", {"name": counters.get("recipe")})
    if changed := [name for name, value in earlier.items() if plan.get(name) != value]:
        raise DataError(
            f"cannot resume from {folder / TENSORS}: the run was started with another version of the recipe"
            f" {earlier.get('name')!r}; changed: {', '.join(changed)}. Resume with the recipe and the --model of its"
            " start, or start a new run without --resume in another folder."
        )


def _unusable(path: Path, error: Exception) -> DataError:
    return DataError(
        f"cannot resume from {path}: {error}; start without --resume, or give the folder of an earlier run"
    )
