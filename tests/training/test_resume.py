"""A run that was stopped goes on as if it had not been."""

from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file
from torch import Tensor

from refseg.training.loop import train_from_recipe
from refseg.training.recipe import Recipe, load_recipe
from refseg.training.state import TENSORS


@pytest.fixture
def plan(data: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """Two steps with a frozen backbone, two with all of it; what "two" names as a recipe."""
    whole = load_recipe(str(data / "recipe.py"))
    head, *_, joint, _ = whole.phases
    two = replace(whole, name="two", phases=(head, joint), gate={}, calibration=None)
    monkeypatch.setattr("refseg.training.loop.load_recipe", {"two": two}.__getitem__)
    return two


def trained(data: Path, output: Path, *stops: int) -> dict[str, Tensor]:
    """The state of a run that was stopped after each of `stops` steps and went on."""
    for number, steps in enumerate(stops):
        train_from_recipe("two", data, output, resume=number > 0, steps=steps, device="cpu")
    return load_file(output / TENSORS)


def test_a_stopped_run_equals_one_that_never_stopped(plan: Recipe, data: Path, tmp_path: Path) -> None:
    assert [phase.steps for phase in plan.phases] == [2, 2]
    straight = trained(data, tmp_path / "straight", 4)
    for stops in ((2, 4), (3, 4), (1, 2, 3, 4)):
        stopped = trained(data, tmp_path / "-".join(map(str, stops)), *stops)
        assert stopped.keys() == straight.keys(), stops
        different = [name for name, value in straight.items() if not bool((stopped[name] == value).all())]
        assert not different, (stops, different)
