"""Counts by reason, with the first places where it happened: what reports of imports and exports consist of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MAX_EXAMPLES = 5  # places that are named for each reason
MAX_EXAMPLE = 300  # characters of each


@dataclass
class Tally:
    """How often something happened, and the first few places where it did."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, where: str, count: int = 1) -> None:
        """Count it; `where` names the file and the entry, relative to the data set."""
        self.count += count
        if where and len(self.examples) < MAX_EXAMPLES:
            self.examples.append(printable(where)[:MAX_EXAMPLE])

    def to_json(self) -> dict[str, Any]:
        """JSON types."""
        return {"count": self.count, "examples": list(self.examples)}


class Tallies(dict[tuple[str, str], Tally]):
    """Tallies by (noun, reason), in the order in which they first happened, such as ("object", "without a mask")."""

    def add(self, noun: str, reason: str, where: str, count: int = 1) -> None:
        """Count something. noun: in the singular, what it is.  where: see `Tally.add`."""
        self.setdefault((noun, reason), Tally()).add(where, count)

    @property
    def total(self) -> int:
        """The sum of all counts."""
        return sum(tally.count for tally in self.values())

    def lines(self, verb: str) -> list[str]:
        """One line for each reason: "skipped 2 objects: without a mask (a.json: shapes[0], ...)"."""
        lines = []
        for (noun, reason), tally in self.items():
            examples = ", ".join(tally.examples) + (" ..." if tally.count > len(tally.examples) > 0 else "")
            lines.append(f"{verb} {counted(tally.count, noun)}: {reason}" + (f" ({examples})" if examples else ""))
        return lines

    def to_json(self) -> list[dict[str, Any]]:
        """JSON types."""
        return [{"what": noun, "reason": reason, **tally.to_json()} for (noun, reason), tally in self.items()]


def printable(text: str) -> str:
    """Text from a data set without characters that control a terminal or that no file can hold."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def counted(number: int, noun: str) -> str:
    """ "1 object", "3 objects", "2 entries"."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"
