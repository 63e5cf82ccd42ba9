"""What the configuration of every system has: plain values, each with its bounds, to and from JSON.

A system's configuration is a frozen dataclass that derives from `SystemConfig` and declares its fields with
`setting(default, bound)`. Because the bounds are in the class, one function checks the settings of any untrusted
config.json, whatever the system: `SystemConfig.from_dict`.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Protocol, TypeVar, cast

C = TypeVar("C", bound="SystemConfig")


class SettingError(ValueError):
    """One setting is unknown, of the wrong type or out of bounds; the message begins with its name."""


class Bound(Protocol):
    """The values that a setting may have. expected: what an error message says of them."""

    @property
    def expected(self) -> str: ...

    def accepts(self, value: Any) -> bool: ...


@dataclass(frozen=True)
class Whole:
    """Whole numbers from `low` to `high`, both included; multiples of `step` alone."""

    low: int
    high: int
    step: int = 1

    @property
    def expected(self) -> str:
        multiple = f" divisible by {self.step}" if self.step > 1 else ""
        return f"a whole number from {self.low} to {self.high}{multiple}"

    def accepts(self, value: Any) -> bool:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole and self.low <= value <= self.high and value % self.step == 0


@dataclass(frozen=True)
class OneOf:
    """One of a few strings."""

    values: tuple[str, ...]

    @property
    def expected(self) -> str:
        return f"one of {', '.join(self.values)}"

    def accepts(self, value: Any) -> bool:
        return isinstance(value, str) and value in self.values


@dataclass(frozen=True)
class Flag:
    """True or False."""

    expected: str = "true or false"

    def accepts(self, value: Any) -> bool:
        return isinstance(value, bool)


@dataclass(frozen=True)
class Widths:
    """At most `count` channel counts, each a multiple of 8 up to 1024."""

    count: int

    @property
    def expected(self) -> str:
        return f"a list of at most {self.count} multiples of 8 up to 1024"

    def accepts(self, value: Any) -> bool:
        return (
            isinstance(value, tuple)
            and len(value) <= self.count
            and all(Whole(8, 1024, 8).accepts(width) for width in value)
        )


def setting(default: Any, bound: Bound) -> Any:
    """A field of a configuration, with its default and its bound."""
    return field(default=default, metadata={"bound": bound})


def override(config: type["SystemConfig"], name: str, default: Any) -> Any:
    """A field that `config` declares, with another default and the same bound."""
    return field(default=default, metadata=config.__dataclass_fields__[name].metadata)


@dataclass(frozen=True)
class SystemConfig:
    """Base of every system's configuration. Raises SettingError for a value out of bounds, when it is made.

    image_size: side S of the letterboxed image, in pixels.  max_words: T, the words that are read of an expression.
    padding: gray level, 0..255, of the border around the letterboxed image.
    """

    image_size: int = setting(320, Whole(32, 640, 32))
    max_words: int = setting(20, Whole(1, 64))
    padding: int = setting(0, Whole(0, 255))

    CLIP_BYTES_LIMIT: ClassVar[int] = 2_000_000_000

    def __post_init__(self) -> None:
        for one in fields(self):
            bound, value = cast(Bound, one.metadata["bound"]), getattr(self, one.name)
            if not bound.accepts(value):
                raise SettingError(f"{one.name} is {brief(value)}, expected {bound.expected}")

    @property
    def answer_bytes(self) -> int:
        """Memory that the answer to one expression takes while it is computed, in bytes, roughly; 0 where it
        is small.
        """
        return 0

    @property
    def clip_bytes(self) -> int:
        """Memory that a clip takes while it is read, in bytes; 0 for a system that reads images only."""
        return 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; the inverse of `from_dict`."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls: type[C], values: Mapping[str, Any]) -> C:
        """The configuration of these settings, from a file that anybody may have written.

        Raises SettingError for a setting that is unknown, of the wrong type or out of bounds, ValueError for settings
        that cannot be combined or that would take more memory than `CLIP_BYTES_LIMIT`.
        """
        known = {one.name for one in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise SettingError(
                f"{brief(unknown[0])} is an unknown setting, expected some of {', '.join(sorted(known))}"
            )
        read: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        config = cls(**read)
        if config.clip_bytes > cls.CLIP_BYTES_LIMIT:
            raise ValueError(
                f"a clip would take {config.clip_bytes / 1e9:.1f} GB with {config.clip_settings}, expected at most "
                f"{cls.CLIP_BYTES_LIMIT / 1e9:.1f} GB: use another model"
            )
        return config

    @property
    def clip_settings(self) -> str:
        """The settings that `clip_bytes` depends on, for an error message."""
        return f"image_size {self.image_size}"


def brief(value: Any) -> str:
    """A value from an untrusted file, short enough for one line."""
    text = (
        repr(value)
        if not isinstance(value, int) or abs(value) < 10**30
        else f"a number of {int(math.log10(abs(value))) + 1} digits"
    )
    return text if len(text) <= 60 else text[:57] + "..."
