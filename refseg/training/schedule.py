"""Learning rates: one schedule over the steps of a phase, and the groups that it scales."""

import math

from torch import nn

from refseg.models.cmsa.network import ReferringNetwork


def warm_cosine(step: int, steps: int, warmup: int, floor: float = 0.05) -> float:
    """Factor in 0..1: linear over `warmup` steps, then half a cosine down to `floor` at `steps`."""
    if step < warmup:
        return (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, steps - warmup))
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))


def parameter_groups(
    network: ReferringNetwork, rate: float, region_rate: float, backbone_rate: float, table_rate: float, decay: float
) -> list[dict[str, object]]:
    """Groups for AdamW: backbone, region branch, word table and the rest, each with and without weight decay (none on vectors and scalars)."""
    rates = {"backbone": backbone_rate, "regions": region_rate, "table": table_rate, "rest": rate}
    grouped: dict[tuple[str, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        top = name.partition(".")[0]
        part = "backbone" if top == "backbone" else "regions" if top in ("selection", "instances") else "rest"
        part = "table" if name == "words.table.weight" else part
        grouped.setdefault((part, parameter.ndim > 1), []).append(parameter)
    return [
        {"params": parameters, "lr": rates[part], "base_lr": rates[part], "weight_decay": decay if decayed else 0.0}
        for (part, decayed), parameters in sorted(grouped.items(), key=lambda item: item[0])
    ]
