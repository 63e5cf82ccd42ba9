"""Named tuples of tensors, nested as the steps of the network hand them on."""

from collections.abc import Callable, Iterator
from typing import TypeVar, cast

from torch import Tensor

T = TypeVar("T")


def tensors_of(value: object) -> Iterator[Tensor]:
    """Every tensor in tuples of tuples, in order; what is no tensor is passed over."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from tensors_of(part)


def changed(value: T, change: Callable[[Tensor], Tensor]) -> T:
    """The same tuples of tuples with every tensor changed; what is no tensor stays."""
    if isinstance(value, Tensor):
        return cast(T, change(value))
    if not isinstance(value, tuple):
        return value
    parts = [changed(part, change) for part in value]
    return cast(T, type(value)(*parts) if hasattr(value, "_fields") else tuple(parts))


def all_finite(value: object) -> bool:
    """Whether every tensor holds finite numbers only."""
    return all(bool(tensor.isfinite().all()) for tensor in tensors_of(value))
