"""Systems by name, and files from before there were several."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from refseg.inference.checkpoint import load_checkpoint
from refseg.models import registry
from refseg.models.cmsa.config import CmsaConfig
from refseg.models.cmsa.network import CmsaNetwork
from refseg.models.compact import CompactConfig, CompactSystem
from refseg.models.config import SystemConfig

# What config.json said before it named a system.
OLD_NAMES = (
    "backbone image_size max_words visual embedding context width channels pooling modulated refinement regions voters"
    " number presence"
)


def old_settings(config: CompactConfig) -> dict[str, Any]:
    names = [*OLD_NAMES.split(), "cross_frame", "cross_frame_stride", "tau"]
    return {name: value for name, value in config.to_dict().items() if name in names}


def test_a_file_that_names_no_system_is_compact_with_todays_deviations() -> None:
    for config in (CompactConfig(), CompactConfig.tiny()):
        assert registry.read_config(None, old_settings(config)) == config
    without = {
        name: value
        for name, value in old_settings(CompactConfig.tiny()).items()
        if name not in ("voters", "number", "presence")
    }
    assert registry.read_config(None, without) == replace(CompactConfig.tiny(), number=False, presence=False)


def test_without_regions_it_is_cmsa_with_the_same_deviations() -> None:
    settings = {**old_settings(CompactConfig.tiny()), "regions": 0, "number": False, "presence": False}
    config = registry.read_config(None, settings)
    assert type(config) is CmsaConfig and config.gains and config.mean_received and config.padding == 114
    with pytest.raises(ValueError, match="presence is part of the region branch, got presence and no regions"):
        registry.read_config(None, {**settings, "presence": True})


def test_every_tensor_of_the_embedded_model_has_a_name_of_today() -> None:
    system = CompactSystem(CompactConfig(), 30)
    names = set(system.state_dict())
    assert {registry.upgraded_name(old_name(name)) for name in names} == names
    loaded, _, config = load_checkpoint(Path("checkpoints/cmsa"))
    assert isinstance(loaded, CompactSystem) and config.get("system", "compact") == "compact"
    assert set(loaded.state_dict()) == names


def old_name(name: str) -> str:
    place, _, rest = name.partition(".")
    for new, old in (("colors", "colours"), ("similarity", "likeness"), ("aspect_query", "aspect_said")):
        rest = rest.replace(f".{new}.", f".{old}.") if place == "branch" else rest
    return rest


@pytest.mark.parametrize(
    "name, settings, message",
    [
        ("yolo", {}, "the system is 'yolo', expected one of cmsa, compact"),
        (5, {}, "the system is 5, expected one of"),
        ({"a": 1}, {}, "the system is"),
        ("cmsa", None, "network is None, expected an object of settings"),
        (None, [], r"network is \[\], expected an object of settings"),
        ("cmsa", {"regions": 5}, "'regions' is an unknown setting"),
        (None, {"regions": True}, "regions is True"),
    ],
)
def test_unusable_names_and_settings(name: Any, settings: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        registry.read_config(name, settings)


def test_names_of_systems_and_their_configurations() -> None:
    assert registry.system_name(CompactConfig()) == "compact" and registry.system_name(CmsaConfig()) == "cmsa"
    system = registry.build_system(
        replace(CmsaConfig(), backbone="plain", image_size=64, embedding=8, width=8, channels=8), 12
    )
    assert isinstance(system, CmsaNetwork) and registry.system_name(system) == "cmsa"
    with pytest.raises(ValueError, match="SystemConfig is no registered system, expected one of cmsa, compact"):
        registry.system_name(SystemConfig())


def test_a_name_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "SYSTEMS", dict(registry.SYSTEMS))
    registry.register("cmsa", CmsaConfig, CmsaNetwork)
    with pytest.raises(ValueError, match="'cmsa' is registered already"):
        registry.register("cmsa", CompactConfig, CompactSystem)
    registry.register("other", CompactConfig, CompactSystem)
    assert "other" in registry.SYSTEMS


def test_random_numbers_of_the_caller_are_left_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    load_checkpoint(Path("checkpoints/cmsa"))
    assert torch.equal(torch.rand(3), expected)
