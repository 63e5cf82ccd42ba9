"""Learning rates over a phase, and who gets which."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from refseg.models.cmsa.config import NetworkConfig
from refseg.models.cmsa.network import ReferringNetwork
from refseg.training.schedule import parameter_groups, warm_cosine


def test_the_corners_of_the_schedule() -> None:
    assert warm_cosine(0, 100, 10) == pytest.approx(0.1)
    assert warm_cosine(9, 100, 10) == 1
    assert warm_cosine(10, 100, 10) == 1
    assert warm_cosine(55, 100, 10, floor=0) == pytest.approx(0.5)
    assert warm_cosine(100, 100, 10) == pytest.approx(0.05)
    assert warm_cosine(1000, 100, 10, floor=0.2) == pytest.approx(0.2)


@given(steps=st.integers(1, 300), warmup=st.integers(0, 400), floor=st.floats(0, 0.9))
def test_up_then_down_and_never_outside_0_to_1(steps: int, warmup: int, floor: float) -> None:
    factors = [warm_cosine(step, steps, warmup, floor) for step in range(steps + 1)]
    assert all(0 <= factor <= 1 + 1e-12 and math.isfinite(factor) for factor in factors)
    assert factors[0] > 0
    for step, (now, later) in enumerate(pairwise(factors), start=1):
        assert later >= now if step < warmup else later <= now + 1e-12


@pytest.fixture(scope="module")
def network() -> ReferringNetwork:
    return ReferringNetwork(NetworkConfig.tiny(), 30)


def test_every_parameter_is_in_exactly_one_group(network: ReferringNetwork) -> None:
    groups = parameter_groups(network, 1e-3, 5e-4, 1e-4, 1e-5, 0.02)
    grouped = [id(parameter) for group in groups for parameter in group["params"]]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == {id(parameter) for parameter in network.parameters()}


def test_rates_by_part_and_decay_by_shape(network: ReferringNetwork) -> None:
    groups = parameter_groups(network, 1e-3, 5e-4, 1e-4, 1e-5, 0.02)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    for group in groups:
        assert group["lr"] == group["base_lr"]
        for parameter in group["params"]:
            name = names[id(parameter)]
            expected = 1e-4 if name.startswith("backbone.") else 1e-5 if name == "words.table.weight" else 1e-3
            expected = 5e-4 if name.startswith(("selection.", "instances.")) else expected
            assert group["lr"] == expected, name
            assert group["weight_decay"] == (0.02 if parameter.ndim > 1 else 0), name


def test_groups_come_in_the_same_order_every_time(network: ReferringNetwork) -> None:
    # a resumed run matches the optimiser's moments by position
    other = ReferringNetwork(NetworkConfig.tiny(), 30)
    shapes = [
        [tuple(p.shape) for group in parameter_groups(n, 1e-3, 5e-4, 1e-4, 1e-5, 0.02) for p in group["params"]] for n in (network, other)
    ]
    assert shapes[0] == shapes[1]


def test_an_optimiser_takes_them(network: ReferringNetwork) -> None:
    optimiser = torch.optim.AdamW(parameter_groups(network, 1e-3, 1e-3, 0.0, 1e-5, 0.02))
    assert [group["lr"] for group in optimiser.param_groups].count(0.0) == 2
