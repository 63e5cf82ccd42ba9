"""What every configuration has: bounds, JSON and back, and the refusal of anything else."""

import json
from dataclasses import dataclass, fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refseg.models.cmsa.config import CmsaConfig
from refseg.models.compact import CompactConfig
from refseg.models.config import Flag, OneOf, SettingError, SystemConfig, Whole, Widths, override, setting

CONFIGS = {
    "paper": CmsaConfig.paper(),
    "paper for videos": CmsaConfig.paper_video(),
    "compact": CompactConfig(),
    "tiny": CompactConfig.tiny(),
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_configurations_survive_json(config: SystemConfig) -> None:
    assert type(config).from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize("config", [CmsaConfig, CompactConfig])
def test_every_field_has_a_bound_that_its_default_keeps(config: type[SystemConfig]) -> None:
    for one in fields(config):
        assert one.metadata["bound"].accepts(one.default), one.name


@given(low=st.integers(-50, 50), span=st.integers(0, 100), step=st.integers(1, 7), value=st.integers(-200, 200))
def test_whole_numbers_within_their_bounds(low: int, span: int, step: int, value: int) -> None:
    assert Whole(low, low + span, step).accepts(value) == (low <= value <= low + span and value % step == 0)


@pytest.mark.parametrize(
    "bound, good, bad",
    [
        (Whole(0, 9), [0, 9], [True, 1.0, "1", None, 10, -1, 10**400]),
        (OneOf(("a", "b")), ["a"], ["c", ["a"], None, 0]),
        (Flag(), [True, False], [0, 1, "true", None]),
        (Widths(2), [(), (8,), (16, 1024)], [(7,), (8, 8, 8), (1032,), ("8",), 8, [8]]),
    ],
)
def test_bounds(bound: Any, good: list[Any], bad: list[Any]) -> None:
    assert all(bound.accepts(value) for value in good)
    assert not any(bound.accepts(value) for value in bad)
    assert bound.expected


@dataclass(frozen=True)
class Small(SystemConfig):
    depth: int = setting(2, Whole(1, 3))
    max_words: int = override(SystemConfig, "max_words", 5)


def test_a_setting_is_named_with_what_was_expected() -> None:
    with pytest.raises(SettingError, match="depth is 4, expected a whole number from 1 to 3"):
        Small(depth=4)
    with pytest.raises(SettingError, match="max_words is 65, expected a whole number from 1 to 64"):
        Small(max_words=65)
    with pytest.raises(
        SettingError, match="'width' is an unknown setting, expected some of depth, image_size, max_words, padding"
    ):
        Small.from_dict({"width": 1})
    assert Small.from_dict({}).max_words == 5
