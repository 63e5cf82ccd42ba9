"""Every system by its name, as "system" in config.json has it.

To add a system, register its configuration and its class here, or call `register` from elsewhere; see docs/extend.md.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from refseg.models.cmsa.config import CmsaConfig
from refseg.models.cmsa.network import CmsaNetwork
from refseg.models.compact import CompactConfig, CompactSystem
from refseg.models.config import SystemConfig, brief
from refseg.models.system import System


class Registered(NamedTuple):
    """A system's configuration and its class, which is made by `system(config, vocabulary_size)`."""

    config: type[SystemConfig]
    system: type[System]


SYSTEMS: dict[str, Registered] = {
    "cmsa": Registered(CmsaConfig, CmsaNetwork),
    "compact": Registered(CompactConfig, CompactSystem),
}


def register(name: str, config: type[SystemConfig], system: type[System]) -> None:
    """Make a system known by a name. Raises ValueError if the name is taken by another one."""
    if SYSTEMS.get(name, (config, system)) != (config, system):
        raise ValueError(f"the system {name!r} is registered already, expected a new name")
    SYSTEMS[name] = Registered(config, system)


def system_name(system: System | SystemConfig) -> str:
    """The name under which a system or its configuration is registered. Raises ValueError for one that is not."""
    for name, registered in SYSTEMS.items():
        if type(system) in registered:
            return name
    raise ValueError(
        f"{type(system).__name__} is no registered system, expected one of {', '.join(SYSTEMS)}: call `register` first"
    )


def build_system(config: SystemConfig, vocabulary_size: int) -> System:
    """The system of a configuration, with random weights. Raises ValueError for a configuration that is not
    registered.
    """
    return SYSTEMS[system_name(config)].system(config, vocabulary_size)


def read_config(name: Any, settings: Any) -> SystemConfig:
    """The configuration of a system from JSON that anybody may have written; name: of the system, None for a file from
    before there were several.

    Raises ValueError for an unknown system or settings that cannot be used.
    """
    if name is None:
        name, settings = upgrade(settings)
    if not isinstance(name, str) or name not in SYSTEMS:
        raise ValueError(
            f"the system is {brief(name)}, expected one of {', '.join(SYSTEMS)}: the model needs a newer refseg"
        )
    if not isinstance(settings, Mapping):
        raise ValueError(f"network is {brief(settings)}, expected an object of settings")
    return SYSTEMS[name].config.from_dict(settings)


# Files from before there were several systems name none. Their network was CMSA with all of today's deviations, and
# with regions where `regions` is above 0.
_FIRST_DEFAULTS: dict[str, Any] = {
    "backbone": "resnet101",
    "image_size": 320,
    "visual": 1000,
    "embedding": 1000,
    "context": 0,
    "width": 512,
    "channels": 500,
    "modulated": False,
    "refinement": [],
    "cross_frame": 0,
    "cross_frame_stride": 1,
    "padding": 114,
    "gains": True,
    "logit_scale": True,
    "mean_received": True,
    "biases": True,
    "loss_pixels": "image",
    "cross_frame_on": "normalized",
    "cross_frame_renormalized": True,
    "cross_frame_zero_start": True,
}
_FIRST_REGION_DEFAULTS = {"regions": 0, "voters": 1, "number": False, "presence": False}

# The first part of a tensor's name in those files -> its place in `CompactSystem`; everything else was CMSA's and is
# now below `dense`.
_FIRST_NAMES = {
    "instances": "branch.instances",
    "selection": "branch.selection",
    "gate": "branch.gate",
    "certainty": "branch.certainty",
    "number": "branch.number",
    "presence": "branch.presence",
}

# Modules of a selection, which have other names today.
_FIRST_SELECTION_NAMES = {"colours": "colors", "likeness": "similarity", "aspect_said": "aspect_query"}


def upgrade(settings: Any) -> tuple[str, Any]:
    """(name of the system, its settings) of a file that names no system."""
    if not isinstance(settings, Mapping):
        return "compact", settings
    whole = {**_FIRST_DEFAULTS, **_FIRST_REGION_DEFAULTS, **settings}
    if whole["regions"] != 0 or isinstance(whole["regions"], bool):
        return "compact", whole
    branch = [name for name in ("number", "presence") if whole[name] is not False]
    if branch:
        raise ValueError(f"{branch[0]} is part of the region branch, got {branch[0]} and no regions: use another model")
    return "cmsa", {name: value for name, value in whole.items() if name not in _FIRST_REGION_DEFAULTS}


def upgraded_name(tensor: str) -> str:
    """Today's name of a tensor in a file that names no system and has regions."""
    first, dot, rest = tensor.partition(".")
    name = f"{_FIRST_NAMES.get(first, f'dense.{first}')}{dot}{rest}"
    for old, new in _FIRST_SELECTION_NAMES.items():
        name = name.replace(f".{old}.", f".{new}.") if first == "selection" else name
    return name
