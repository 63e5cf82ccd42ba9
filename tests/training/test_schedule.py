"""Learning rates over a phase, and who gets which."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refseg.models.compact import CompactConfig, CompactSystem
from refseg.models.system import LearningRates
from refseg.training.optimizers import OPTIMIZERS, build_optimizer
from refseg.training.schedule import polynomial, warm_cosine

RATES = LearningRates(rest=1e-3, backbone=1e-4, table=1e-5, regions=5e-4, decay=0.02)


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
def network() -> CompactSystem:
    return CompactSystem(CompactConfig.tiny(), 30)


def test_every_parameter_is_in_exactly_one_group(network: CompactSystem) -> None:
    groups = network.parameter_groups(RATES)
    grouped = [id(parameter) for group in groups for parameter in group["params"]]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == {id(parameter) for parameter in network.parameters()}


def test_rates_by_part_and_decay_by_shape(network: CompactSystem) -> None:
    groups = network.parameter_groups(RATES)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    for group in groups:
        assert group["lr"] == group["base_lr"]
        for parameter in group["params"]:
            name = names[id(parameter)]
            expected = (
                1e-4 if name.startswith("dense.backbone.") else 1e-5 if name == "dense.words.table.weight" else 1e-3
            )
            expected = 5e-4 if name.startswith(("branch.selection.", "branch.instances.")) else expected
            assert group["lr"] == expected, name
            assert group["weight_decay"] == (0.02 if parameter.ndim > 1 else 0), name


def test_groups_come_in_the_same_order_every_time(network: CompactSystem) -> None:
    # a resumed run matches the optimizer's moments by position
    other = CompactSystem(CompactConfig.tiny(), 30)
    shapes = [
        [tuple(p.shape) for group in n.parameter_groups(RATES) for p in group["params"]] for n in (network, other)
    ]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_an_optimizer_takes_them(network: CompactSystem, name: str) -> None:
    optimizer = build_optimizer(name, network.parameter_groups(RATES._replace(backbone=0.0)))
    assert [group["lr"] for group in optimizer.param_groups].count(0.0) == 2
    assert {group["weight_decay"] for group in optimizer.param_groups} == {0.0, 0.02}


def test_the_polynomial_schedule_is_the_papers() -> None:
    assert polynomial(0, 100, 0) == 1 and polynomial(100, 100, 0) == 0 and polynomial(200, 100, 0) == 0
    assert polynomial(50, 100, 0) == pytest.approx(0.5**0.9)
    assert polynomial(0, 100, 10) == pytest.approx(0.1) and polynomial(10, 100, 10) == 1
