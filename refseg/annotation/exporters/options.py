"""What a user chooses for an export: which images, and how those without a split are divided."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from refseg.annotation.records import AnnotatedImage
from refseg.errors import InputError


@dataclass(frozen=True)
class ExportOptions:
    """accepted_only: leave out images whose state is not "accepted".  splits: name -> share of the images that have no
    split yet, shares above 0 that add up to 1, or empty to leave them without; images that have a split keep it. Raises
    InputError."""

    accepted_only: bool = False
    splits: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shares = list(self.splits.values())
        if any(not name.strip() for name in self.splits) or not all(
            math.isfinite(share) and share > 0 for share in shares
        ):
            raise InputError(
                f"got the splits {dict(self.splits)}, expected names with shares above 0: write train=0.8,val=0.2"
            )
        if shares and not math.isclose(sum(shares), 1, abs_tol=1e-3):
            raise InputError(f"got splits whose shares add up to {sum(shares):g}, expected 1: write train=0.8,val=0.2")


def parse_splits(text: str) -> dict[str, float]:
    """{"train": 0.8, "val": 0.2} of "train=0.8,val=0.2". Raises InputError."""
    splits: dict[str, float] = {}
    for part in text.split(","):
        name, separator, share = part.partition("=")
        name = name.strip()
        try:
            value = float(share)
        except ValueError:
            value = math.nan
        if not separator or not name or name in splits or not math.isfinite(value):
            raise InputError(
                f"got the splits {text[:80]!r}, expected different names with shares that add up to 1: write"
                " train=0.8,val=0.2"
            )
        splits[name] = value
    return dict(ExportOptions(splits=splits).splits)


def group_of(record: AnnotatedImage) -> tuple[str, str]:
    """What an image must share its split with: the other frames of its video, which hardly differ from it; itself if it
    is not a frame."""
    return ("clip", record.clip) if record.clip else ("image", record.name)


def splits_by_share(records: Iterable[AnnotatedImage], shares: Mapping[str, float]) -> dict[tuple[str, str], str]:
    """The split of each group (see `group_of`).

    A group keeps the split that one of its images has. Of the others, each goes where a hash of its name falls, so it
    stays there when images are added; no split is empty if there are enough groups.
    """
    known: dict[tuple[str, str], str] = {}
    for record in records:
        known[group_of(record)] = known.get(group_of(record)) or record.split
    if not shares:
        return known
    places = {
        group: int.from_bytes(hashlib.sha256(group[1].encode("utf-8")).digest()[:8], "big") / 2**64
        for group in known
        if not known[group]
    }
    counts = dict.fromkeys(shares, 0)
    for place in places.values():
        counts[_interval(place, shares)] += 1
    taken = {split for split in known.values() if split}
    for name in shares:
        largest = max(counts, key=lambda split: counts[split])
        if counts[name] == 0 and name not in taken and counts[largest] > 1:
            counts[largest] -= 1
            counts[name] += 1
    ordered = iter(sorted(places, key=lambda group: (places[group], group)))
    return known | {next(ordered): name for name, count in counts.items() for _ in range(count)}


def _interval(place: float, shares: Mapping[str, float]) -> str:
    """The split in whose part of 0..1 a place lies."""
    end = 0.0
    for name, share in shares.items():
        end += share
        if place < end:
            return name
    return name
