"""What an import read, what it left out and what it altered, so that nothing is lost without being counted."""

from __future__ import annotations

from collections.abc import Mapping
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


@dataclass
class ImportReport:
    """Counts of one import.

    images, objects, expressions: what the project gained; an object here is one with a mask.  no_target: objects whose
    expressions name nothing in their image.  skipped: (noun, reason) -> tally of what was left out, such as ("object",
    "without a mask").  altered: the same for what was read but not exactly as the file has it, such as ("image", "masks
    scaled to the size of the image").
    """

    format: str = ""
    images: int = 0
    objects: int = 0
    expressions: int = 0
    no_target: int = 0
    skipped: dict[tuple[str, str], Tally] = field(default_factory=dict)
    altered: dict[tuple[str, str], Tally] = field(default_factory=dict)

    def skip(self, noun: str, reason: str, where: str = "", count: int = 1) -> None:
        """Count something that is left out. noun: in the singular, what it is.  reason: completes "3 objects skipped:
        ...".
        """
        self.skipped.setdefault((noun, reason), Tally()).add(where, count)

    def alter(self, noun: str, reason: str, where: str = "", count: int = 1) -> None:
        """Count something that is imported in another form than the file has it."""
        self.altered.setdefault((noun, reason), Tally()).add(where, count)

    @property
    def skipped_count(self) -> int:
        """How many entries were left out, of whatever kind."""
        return sum(tally.count for tally in self.skipped.values())

    def summary(self) -> list[str]:
        """One line with what was imported and skipped, then a line for each reason with examples."""
        head = f"imported {counted(self.objects, 'object')} in {counted(self.images, 'image')}"
        if self.no_target:
            head += f", {counted(self.no_target, 'no-target entry')}"
        reasons = ", ".join(f"{tally.count} {reason}" for (_, reason), tally in self.skipped.items())
        lines = [f"{head}; {self.skipped_count} skipped: {reasons}" if reasons else head]
        lines += [_line("skipped", noun, reason, tally) for (noun, reason), tally in self.skipped.items()]
        lines += [_line("altered", noun, reason, tally) for (noun, reason), tally in self.altered.items()]
        return lines

    def to_json(self) -> dict[str, Any]:
        """JSON types; what `import --report` writes."""
        return {
            "format": self.format,
            "images": self.images,
            "objects": self.objects,
            "expressions": self.expressions,
            "no_target": self.no_target,
            "skipped": _rows(self.skipped),
            "altered": _rows(self.altered),
            "summary": self.summary(),
        }


def printable(text: str) -> str:
    """Text from a data set without characters that control a terminal or that no file can hold."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def counted(number: int, noun: str) -> str:
    """ "1 object", "3 objects", "2 entries"."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def _line(verb: str, noun: str, reason: str, tally: Tally) -> str:
    examples = ", ".join(tally.examples) + (" ..." if tally.count > len(tally.examples) > 0 else "")
    return f"{verb} {counted(tally.count, noun)}: {reason}" + (f" ({examples})" if examples else "")


def _rows(tallies: Mapping[tuple[str, str], Tally]) -> list[dict[str, Any]]:
    return [{"what": noun, "reason": reason, **tally.to_json()} for (noun, reason), tally in tallies.items()]
