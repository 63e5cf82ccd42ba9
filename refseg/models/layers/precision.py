"""Precision of what must not be computed in half types."""

import torch
from torch import Tensor


def at_least_float32(x: Tensor) -> Tensor:
    """Half types promoted to float32, the rest as it is."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
