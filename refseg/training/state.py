"""The state of a run on disk: tensors and counters in one safetensors file, written atomically, so that a killed run resumes."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from refseg.errors import DataError
from refseg.files import replacing
from refseg.models.network import ReferringNetwork

TENSORS = "state.safetensors"


def save_state(
    folder: Path, network: ReferringNetwork, average: ReferringNetwork, optimiser: torch.optim.Optimizer, counters: dict[str, Any]
) -> None:
    """Write network, moving average and the optimiser's moments; `counters` (JSON types) must hold "step"."""
    tensors: dict[str, Tensor] = {}
    for prefix, module in (("network", network), ("average", average)):
        tensors |= {f"{prefix}/{name}": value.contiguous() for name, value in module.state_dict().items()}
    for index, values in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser/{index}/{name}": torch.as_tensor(value).contiguous() for name, value in values.items()}
    tensors = {name: value.detach().cpu().clone() for name, value in tensors.items()}
    with replacing(folder / TENSORS) as temporary:
        save_file(tensors, temporary, metadata={"counters": json.dumps(counters)})


def load_state(folder: Path, network: ReferringNetwork, average: ReferringNetwork, optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """Restore what `save_state` wrote; returns the counters. Raises DataError when there is nothing to resume or it does not fit."""
    path = folder / TENSORS
    try:
        tensors = load_file(path)
        with safe_open(path, framework="pt") as stored:
            counters: dict[str, Any] = json.loads((stored.metadata() or {})["counters"])
        for prefix, module in (("network", network), ("average", average)):
            module.load_state_dict({name.partition("/")[2]: value for name, value in tensors.items() if name.startswith(prefix + "/")})
    except (OSError, KeyError, ValueError, RuntimeError, SafetensorError) as error:
        raise DataError(f"cannot resume from {path}: {error}; start without --resume, or give the folder of an earlier run") from error
    state = optimiser.state_dict()
    state["state"] = {}
    for name, value in tensors.items():
        if name.startswith("optimiser/"):
            _, index, key = name.split("/")
            state["state"].setdefault(int(index), {})[key] = value
    optimiser.load_state_dict(state)
    return counters
