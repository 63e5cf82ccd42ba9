"""Mixed precision in training."""

import torch

from refseg.inference.device import trains_in_bfloat16


def mixed_precision(device: torch.device) -> torch.autocast:
    """bfloat16 where that is faster; logits of attention, boxes and losses stay float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=trains_in_bfloat16(device))
