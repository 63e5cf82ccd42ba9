"""A run that was stopped goes on as if it had not been."""

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from refseg.errors import DataError
from refseg.inference.checkpoint import load_checkpoint, save_checkpoint
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


def test_a_run_resumes_with_its_own_recipe_alone(
    plan: Recipe, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = plan.phases
    changed = {"name": "other", "seed": 1, "average": 0.9, "phases": (first, replace(second, mix={"natural": 1.0}))}
    trained(data, tmp_path / "run", 1)
    before = (tmp_path / "run" / TENSORS).read_bytes()
    for name, value in changed.items():
        monkeypatch.setattr(
            "refseg.training.loop.load_recipe", lambda _, name=name, value=value: replace(plan, **{name: value})
        )
        with pytest.raises(
            DataError, match=rf"another version of the recipe 'two'; changed: {name}\. .* another folder"
        ):
            train_from_recipe("two", data, tmp_path / "run", resume=True, device="cpu")
    assert (tmp_path / "run" / TENSORS).read_bytes() == before


def test_a_state_that_names_its_recipe_alone_resumes(
    plan: Recipe, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it was written at first."""
    trained(data, tmp_path, 1)
    tensors = load_file(tmp_path / TENSORS)
    save_file(tensors, tmp_path / TENSORS, metadata={"counters": json.dumps({"step": 1, "recipe": "two"})})
    train_from_recipe("two", data, tmp_path, resume=True, steps=2, device="cpu")
    with safe_open(tmp_path / TENSORS, framework="pt") as stored:
        counters = json.loads(stored.metadata()["counters"])
    assert counters["step"] == 2 and counters["plan"]["seed"] == plan.seed
    save_file(tensors, tmp_path / TENSORS, metadata={"counters": json.dumps({"step": 1, "recipe": "other"})})
    with pytest.raises(DataError, match=r"another version of the recipe 'other'; changed: name\."):
        train_from_recipe("two", data, tmp_path, resume=True, steps=2, device="cpu")


def test_a_run_resumes_with_its_own_model_alone(
    plan: Recipe, data: Path, tmp_path: Path, tiny_network: Any, tiny_vocabulary: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, moved in (("one", 0), ("same", 0), ("other", 1)):
        network = deepcopy(tiny_network)
        network.dense.words.table.weight.data[2] += moved
        save_checkpoint(tmp_path / name, network, tiny_vocabulary, {"name": name})
    further = replace(plan, network=None, model=str(tmp_path / "one"))
    monkeypatch.setattr("refseg.training.loop.load_recipe", lambda _: further)

    def train(model: str, steps: int, resume: bool) -> None:
        train_from_recipe(
            "", data, tmp_path / "run", steps=steps, resume=resume, model=str(tmp_path / model), device="cpu"
        )

    train("one", 1, resume=False)
    with pytest.raises(DataError, match="changed: weights of the model"):
        train("other", 2, resume=True)
    train("same", 2, resume=True)


def test_a_phase_of_clips_by_itself_from_a_model(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the recipes' README has it for clips that are held back."""
    whole = load_recipe(str(data / "recipe.py"))
    recipes = {"whole": whole}
    monkeypatch.setattr("refseg.training.loop.load_recipe", recipes.__getitem__)
    stills = train_from_recipe(
        "whole", data, tmp_path / "stills", steps=whole.steps - whole.phases[-1].steps, device="cpu"
    )
    recipes["clips"] = replace(
        whole, name="clips", network=None, initialization=None, model=str(stills), phases=whole.phases[-1:]
    )
    before, _, _ = load_checkpoint(stills)
    after, _, config = load_checkpoint(train_from_recipe("clips", data, tmp_path / "clips", device="cpu"))
    assert (
        config["training"]["steps"] == whole.phases[-1].steps
        and config["training"]["from"]["training"]["recipe"] == "miniature"
    )
    for name, value in after.named_parameters():
        same = torch.equal(value, before.get_parameter(name))
        assert same or name.startswith(("dense.cross_frame", "branch.gate", "branch.certainty")), name
        assert not (same and name.endswith("output.weight") and name.startswith("dense.cross_frame")), name
