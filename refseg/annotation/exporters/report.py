"""What an export wrote, what it left out, what the format could not hold and what it altered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from refseg.annotation.importers.report import Tally, counted


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
    skipped: dict[tuple[str, str], Tally] = field(default_factory=dict)
    lost: dict[tuple[str, str], Tally] = field(default_factory=dict)
    altered: dict[tuple[str, str], Tally] = field(default_factory=dict)

    def skip(self, noun: str, reason: str, where: str = "", count: int = 1) -> None:
        """Count something that is left out. noun: in the singular, what it is.  reason: completes "3 images skipped:
        ...".  where: names it."""
        self.skipped.setdefault((noun, reason), Tally()).add(where, count)

    def lose(self, noun: str, reason: str, where: str = "", count: int = 1) -> None:
        """Count a detail that the format cannot hold."""
        self.lost.setdefault((noun, reason), Tally()).add(where, count)

    def alter(self, noun: str, reason: str, where: str = "", count: int = 1) -> None:
        """Count something that is written in another form than the project has it."""
        self.altered.setdefault((noun, reason), Tally()).add(where, count)

    def summary(self) -> list[str]:
        """One line with what was written, then a line for each reason with examples."""
        head = f"exported {counted(self.objects, 'object')} in {counted(self.images, 'image')}"
        if self.no_target:
            head += f", {counted(self.no_target, 'no-target entry')}"
        for verb, tallies in (("skipped", self.skipped), ("lost", self.lost), ("altered", self.altered)):
            if tallies:
                head += f"; {sum(tally.count for tally in tallies.values())} {verb}"
        lines = [head]
        for verb, tallies in (("skipped", self.skipped), ("lost", self.lost), ("altered", self.altered)):
            lines += [_line(verb, noun, reason, tally) for (noun, reason), tally in tallies.items()]
        return lines

    def to_json(self) -> dict[str, Any]:
        """JSON types; what `export --report` writes."""
        return {
            "format": self.format,
            "images": self.images,
            "objects": self.objects,
            "expressions": self.expressions,
            "no_target": self.no_target,
            "skipped": _rows(self.skipped),
            "lost": _rows(self.lost),
            "altered": _rows(self.altered),
            "summary": self.summary(),
        }


def _line(verb: str, noun: str, reason: str, tally: Tally) -> str:
    examples = ", ".join(tally.examples) + (" ..." if tally.count > len(tally.examples) > 0 else "")
    return f"{verb} {counted(tally.count, noun)}: {reason}" + (f" ({examples})" if examples else "")


def _rows(tallies: Mapping[tuple[str, str], Tally]) -> list[dict[str, Any]]:
    return [{"what": noun, "reason": reason, **tally.to_json()} for (noun, reason), tally in tallies.items()]
