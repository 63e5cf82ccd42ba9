"""What a stranger's config.json may ask of the network: each setting within bounds, and all together within the memory of a small computer."""

import math
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

from refseg.errors import CheckpointError
from refseg.models.cmsa.attention import Pooling
from refseg.models.cmsa.config import LEVELS, STRIDES, NetworkConfig
from refseg.models.cmsa.sliding import floats_held

MAX_WINDOW_BYTES = 2_000_000_000  # the paper's sizes need 1.6 GB, the compact network's 0.14 GB

# Largest side: 640 pixels at stride 8 are 6400 positions, 160 MB for the exponentials of one level.
_BOUNDS = {
    "image_size": (32, 640),
    "max_words": (1, 64),
    "visual": (1, 4096),
    "embedding": (1, 4096),
    "context": (0, 4096),
    "width": (1, 4096),
    "channels": (1, 4096),
    "regions": (0, 200),
    "voters": (1, 16),
    "cross_frame": (0, 1024),
    "cross_frame_stride": (1, 8),
    "tau": (0, 16),
}
_CHOICES = {"backbone": tuple(STRIDES), "pooling": get_args(Pooling)}
_FLAGS = {field.name for field in fields(NetworkConfig) if isinstance(field.default, bool)}


def check_network(path: Path, values: Any) -> None:
    """Whether `values`, the settings in the config.json at `path`, can be used: every one known, of its type and within bounds. Raises CheckpointError."""
    if not isinstance(values, dict):
        raise CheckpointError(f"{path}: network is {brief(values)}, expected an object of settings")
    for name, value in values.items():
        _check_setting(path, name, value)
    try:
        config = NetworkConfig.from_dict(values)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: the network's settings cannot be used: {error}") from error
    if (needed := window_bytes(config)) > MAX_WINDOW_BYTES:
        raise CheckpointError(
            f"{path}: the window of a clip would take {needed / 1e9:.1f} GB with cross_frame {config.cross_frame}, tau {config.tau} and image_size "
            f"{config.image_size}, expected at most {MAX_WINDOW_BYTES / 1e9:.1f} GB: use another model"
        )


def window_bytes(config: NetworkConfig) -> int:
    """Memory that a clip takes while it is read, in float32: the window's attention, and the features of the frames that wait for its end."""
    tau = config.tau if config.cross_frame or config.regions else 0
    positions = config.grid**2
    coarse = (config.grid // config.cross_frame_stride) ** 2
    attention = LEVELS * floats_held(positions, coarse, config.cross_frame, tau) if config.cross_frame else 0
    details = sum(width * (config.image_size // stride) ** 2 for width, stride in zip(config.refinement, (8, 4), strict=False))
    return 4 * (attention + (tau + 1) * (LEVELS * positions * config.visual + details))


def _check_setting(path: Path, name: str, value: Any) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if name in _BOUNDS:
        low, high = _BOUNDS[name]
        good, expected = whole and low <= value <= high, f"a whole number from {low} to {high}"
    elif name in _CHOICES:
        good, expected = value in _CHOICES[name], f"one of {', '.join(_CHOICES[name])}"
    elif name == "refinement":
        widths = value if isinstance(value, list) and len(value) <= 2 else [None]
        good = all(isinstance(w, int) and not isinstance(w, bool) and 8 <= w <= 1024 and w % 8 == 0 for w in widths)
        expected = "a list of at most 2 multiples of 8 up to 1024"
    elif name in _FLAGS:
        good, expected = isinstance(value, bool), "true or false"
    else:
        raise CheckpointError(f"{path}: network has the unknown setting {brief(name)}: it needs a newer refseg, or is another model's file")
    if not good:
        raise CheckpointError(f"{path}: network.{name} is {brief(value)}, expected {expected}")


def brief(value: Any) -> str:
    """A value from a stranger's file, short enough for one line."""
    text = repr(value) if not isinstance(value, int) or abs(value) < 10**30 else f"a number of {int(math.log10(abs(value))) + 1} digits"
    return text if len(text) <= 60 else text[:57] + "..."
