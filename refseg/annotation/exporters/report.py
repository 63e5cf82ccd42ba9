"""What an export wrote, what it left out, what the format could not hold and what it altered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from refseg.annotation.tallies import Tallies, counted


@dataclass
class ExportReport:
    """Counts of one export.

    images, objects, expressions, no_target: what was written; an object here is one with a mask.  skipped: (noun,
    reason) -> tally of what was left out as a whole, such as ("image", "not accepted").  lost: the same for details of
    what was written that the format cannot hold, such as ("object", "covered by others, has no pixel left").  altered:
    the same for what was written in another form, such as ("image", "16 bits reduced to 8").
    """

    format: str = ""
    images: int = 0
    objects: int = 0
    expressions: int = 0
    no_target: int = 0
    skipped: Tallies = field(default_factory=Tallies)
    lost: Tallies = field(default_factory=Tallies)
    altered: Tallies = field(default_factory=Tallies)

    def skip(self, noun: str, reason: str, where: str = "", count: int = 1) -> None:
        """Count something that is left out. noun: in the singular, what it is.  reason: completes "3 images skipped:
        ...".  where: names it."""
        self.skipped.add(noun, reason, where, count)

    def lose(self, noun: str, reason: str, where: str = "", count: int = 1) -> None:
        """Count a detail that the format cannot hold."""
        self.lost.add(noun, reason, where, count)

    def alter(self, noun: str, reason: str, where: str = "", count: int = 1) -> None:
        """Count something that is written in another form than the project has it."""
        self.altered.add(noun, reason, where, count)

    def summary(self) -> list[str]:
        """One line with what was written, then a line for each reason with examples."""
        head = f"exported {counted(self.objects, 'object')} in {counted(self.images, 'image')}"
        if self.no_target:
            head += f", {counted(self.no_target, 'no-target entry')}"
        parts = {"skipped": self.skipped, "lost": self.lost, "altered": self.altered}
        head += "".join(f"; {tallies.total} {verb}" for verb, tallies in parts.items() if tallies)
        return [head, *(line for verb, tallies in parts.items() for line in tallies.lines(verb))]

    def to_json(self) -> dict[str, Any]:
        """JSON types; what `export --report` writes."""
        return {
            "format": self.format,
            "images": self.images,
            "objects": self.objects,
            "expressions": self.expressions,
            "no_target": self.no_target,
            "skipped": self.skipped.to_json(),
            "lost": self.lost.to_json(),
            "altered": self.altered.to_json(),
            "summary": self.summary(),
        }
