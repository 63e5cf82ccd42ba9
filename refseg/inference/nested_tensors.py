"""Tensors in nested tuples and dictionaries, as systems pass them between steps."""

from collections.abc import Callable, Iterator
from typing import TypeVar, cast

from torch import Tensor

T = TypeVar("T")


def tensors_of(value: object) -> Iterator[Tensor]:
    """Every tensor in nested tuples and dictionaries, in order; other values are skipped."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from tensors_of(part)


def map_tensors(value: T, change: Callable[[Tensor], Tensor]) -> T:
    """The same tuples and dictionaries with `change` applied to every tensor; other values do not change."""
    if isinstance(value, Tensor):
        return cast(T, change(value))
    if isinstance(value, dict):
        return cast(T, {key: map_tensors(part, change) for key, part in value.items()})
    if not isinstance(value, tuple):
        return value
    parts = [map_tensors(part, change) for part in value]
    return cast(T, type(value)(*parts) if hasattr(value, "_fields") else tuple(parts))


def all_finite(value: object) -> bool:
    """Whether every tensor has finite numbers only."""
    return all(bool(tensor.isfinite().all()) for tensor in tensors_of(value))
