"""Recipes: loading by name and by path, and what is said when that fails."""

from pathlib import Path

import pytest

from refseg.data.sources import SourceSpec
from refseg.errors import DataError
from refseg.models.compact import CompactConfig
from refseg.training.recipe import Phase, Recipe, available_recipes, load_recipe

SOURCE = """
from refseg.data.sources import SourceSpec
from refseg.models.compact import CompactConfig
from refseg.training.recipe import Phase, Recipe

RECIPE = Recipe(
    name="small",
    network=CompactConfig.tiny(),
    sources=(SourceSpec("scenes", 1.0),),
    phases=(Phase("only", 5, 2, 3, 64, 1e-3, 0.0, 1e-4),),
)
"""


def phase(name: str, steps: int) -> Phase:
    return Phase(name, steps, 2, 3, 64, 1e-3, 0.0, 1e-4)


def recipe(*steps: int) -> Recipe:
    phases = tuple(phase(str(index), count) for index, count in enumerate(steps))
    return Recipe(name="test", network=CompactConfig.tiny(), sources=(SourceSpec("scenes", 1.0),), phases=phases)


def test_a_step_belongs_to_a_phase() -> None:
    plan = recipe(3, 1, 2)
    assert plan.steps == 6
    assert [plan.at(step) for step in range(6)] == [(0, 0), (0, 1), (0, 2), (1, 0), (2, 0), (2, 1)]
    assert plan.at(6) == plan.at(100) == (2, 1)


def test_a_recipe_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "small.py").write_text(SOURCE, encoding="utf-8")
    plan = load_recipe(str(tmp_path / "small.py"))
    assert plan.name == "small" and plan.network == CompactConfig.tiny() and plan.phases[0].steps == 5


@pytest.mark.parametrize("name", available_recipes())
def test_the_recipes_that_come_with_the_project_load(name: str) -> None:
    plan = load_recipe(name)
    assert plan.name == name
    assert plan.steps > 0 and all(source.share > 0 for source in plan.sources)
    for each in plan.phases:
        assert each.image_size % 32 == 0 and each.warmup <= each.steps and sum(each.mix.values()) > 0


@pytest.mark.parametrize("name", ["nonsense", "no_such_file.py"])
def test_a_missing_recipe_is_named_with_those_there_are(name: str) -> None:
    with pytest.raises(DataError, match=f"no recipe '{name}'; available: .*path of a .py file"):
        load_recipe(name)


@pytest.mark.parametrize("name", ["../../etc/passwd", "Compact", "", "a b"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="is not a name; expected one of"):
        load_recipe(name)


def test_a_file_without_a_recipe_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("RECIPE = 3\n", encoding="utf-8")
    with pytest.raises(DataError, match="defines no RECIPE"):
        load_recipe(str(tmp_path / "empty.py"))


def test_a_phase_of_instances_has_some() -> None:
    with pytest.raises(
        DataError, match="the phase 'masks' trains the masks of 0 objects of an image, expected at least 1"
    ):
        Phase("masks", 5, 2, 3, 64, 1e-3, 0.0, 1e-4, task="instances")


@pytest.mark.parametrize("known", [{"optimizer": "sgd"}, {"schedule": "steps"}])
def test_unknown_optimizers_and_schedules_are_refused(known: dict[str, str]) -> None:
    ((kind, name),) = known.items()
    with pytest.raises(DataError, match=f"the phase 'only' has the {kind} '{name}', expected one of"):
        Phase("only", 5, 2, 3, 64, 1e-3, 0.0, 1e-4, **known)  # type: ignore[arg-type]


def test_a_plan_names_the_system_and_how_it_is_initialized() -> None:
    plan = load_recipe("compact").to_dict()
    assert plan["system"] == "compact" and plan["network"]["visual"] == 192
    assert plan["initialization"] == {"folder": "weights", "initialize": "initialize"}
