"""Optimizers by name."""

from collections.abc import Callable, Iterable
from typing import Any, Literal

import torch

OptimizerName = Literal["adamw", "adam"]

OPTIMIZERS: dict[str, Callable[[Iterable[dict[str, Any]]], torch.optim.Optimizer]] = {
    # decoupled weight decay, for transformers and fine-tuning
    "adamw": lambda groups: torch.optim.AdamW(groups, betas=(0.9, 0.98)),
    # weight decay as part of the gradient, as the paper has it
    "adam": lambda groups: torch.optim.Adam(groups),
}


def build_optimizer(name: str, groups: Iterable[dict[str, Any]]) -> torch.optim.Optimizer:
    """The optimizer of that name, for groups of `System.parameter_groups`."""
    return OPTIMIZERS[name](groups)
