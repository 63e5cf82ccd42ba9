"""Settings of the region branch, to be mixed into the configuration of a system that carries it."""

from dataclasses import dataclass

from refseg.models.config import Flag, SystemConfig, Whole, setting


@dataclass(frozen=True)
class RegionConfig(SystemConfig):
    """regions: how many of the detector's boxes an expression may choose among.  voters: how many selections vote.
    number: read whether an expression means one object or several, which decides how many regions show.  presence:
    predict whether the image holds what the expression names."""

    regions: int = setting(40, Whole(1, 200))
    voters: int = setting(1, Whole(1, 16))
    number: bool = setting(False, Flag())
    presence: bool = setting(False, Flag())
