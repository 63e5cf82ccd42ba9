"""What an import read, what it left out and what it altered, so that nothing is lost without being counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from refseg.annotation.tallies import Tallies, counted


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
    skipped: Tallies = field(default_factory=Tallies)
    altered: Tallies = field(default_factory=Tallies)

    def skip(self, noun: str, reason: str, where: str = "", count: int = 1) -> None:
        """Count something that is left out. noun: in the singular, what it is.  reason: completes "3 objects skipped:
        ...".
        """
        self.skipped.add(noun, reason, where, count)

    def alter(self, noun: str, reason: str, where: str = "", count: int = 1) -> None:
        """Count something that is imported in another form than the file has it."""
        self.altered.add(noun, reason, where, count)

    @property
    def skipped_count(self) -> int:
        """How many entries were left out, of whatever kind."""
        return self.skipped.total

    def summary(self) -> list[str]:
        """One line with what was imported and skipped, then a line for each reason with examples."""
        head = f"imported {counted(self.objects, 'object')} in {counted(self.images, 'image')}"
        if self.no_target:
            head += f", {counted(self.no_target, 'no-target entry')}"
        reasons = ", ".join(f"{tally.count} {reason}" for (_, reason), tally in self.skipped.items())
        lines = [f"{head}; {self.skipped_count} skipped: {reasons}" if reasons else head]
        lines += self.skipped.lines("skipped")
        lines += self.altered.lines("altered")
        return lines

    def to_json(self) -> dict[str, Any]:
        """JSON types; what `import --report` writes."""
        return {
            "format": self.format,
            "images": self.images,
            "objects": self.objects,
            "expressions": self.expressions,
            "no_target": self.no_target,
            "skipped": self.skipped.to_json(),
            "altered": self.altered.to_json(),
            "summary": self.summary(),
        }
