"""Nested tuples of tensors: what is found in them, and what is map_tensors."""

from typing import NamedTuple

import torch
from torch import Tensor

from refseg.inference.nested_tensors import all_finite, map_tensors, tensors_of


class Inner(NamedTuple):
    """A tensor and what is none."""

    tensor: Tensor
    grid: tuple[int, int]
    missing: Tensor | None


class Outer(NamedTuple):
    """Tuples in a tuple."""

    parts: tuple[Inner, ...]
    last: Tensor


def nested(*values: float) -> Outer:
    *inner, last = (torch.tensor([value]) for value in values)
    return Outer(tuple(Inner(tensor, (2, 3), None) for tensor in inner), last)


def test_every_tensor_is_found_and_map_tensors_in_its_place() -> None:
    value = nested(1.0, 2.0, 3.0)
    assert [tensor.item() for tensor in tensors_of(value)] == [1, 2, 3]
    doubled = map_tensors(value, lambda tensor: (2 * tensor).double())
    assert isinstance(doubled, Outer) and all(isinstance(part, Inner) for part in doubled.parts)
    assert [tensor.item() for tensor in tensors_of(doubled)] == [2, 4, 6] and doubled.last.dtype == torch.float64
    assert [(part.grid, part.missing) for part in doubled.parts] == [((2, 3), None)] * 2


def test_one_value_that_is_no_number_is_seen_wherever_it_lies() -> None:
    assert all_finite(nested(1.0, 2.0)) and all_finite((None, 3, torch.zeros(0), torch.tensor([7])))
    for values in ((float("nan"), 1.0), (1.0, float("inf"))):
        assert not all_finite((None, nested(*values)))
