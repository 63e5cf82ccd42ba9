"""What can be undone: each step of a person's work, with the pictures as they were before and after."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from refseg.annotation.records import PictureRecord

LIMIT = 200


@dataclass(frozen=True, eq=False)
class Step:
    """One thing that was done: (before, after) of every picture that it changed; records share what they have in common, so a step is small."""

    changes: tuple[tuple[PictureRecord, PictureRecord], ...]

    @property
    def before(self) -> tuple[PictureRecord, ...]:
        """The pictures before it."""
        return tuple(before for before, _ in self.changes)

    @property
    def after(self) -> tuple[PictureRecord, ...]:
        """The pictures after it."""
        return tuple(after for _, after in self.changes)


class History:
    """Steps done and steps undone; the oldest are forgotten beyond `LIMIT`. Records are values here: who restores one gives it the revision of the day."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._done: deque[Step] = deque(maxlen=limit)
        self._undone: list[Step] = []

    @property
    def undoable(self) -> int:
        """How many steps can be undone."""
        return len(self._done)

    @property
    def redoable(self) -> int:
        """How many steps can be done again."""
        return len(self._undone)

    def add(self, step: Step) -> None:
        """Something new was done: what had been undone is gone."""
        self._done.append(step)
        self._undone.clear()

    def last_done(self) -> Step | None:
        """The step that an undo would take back."""
        return self._done[-1] if self._done else None

    def last_undone(self) -> Step | None:
        """The step that a redo would do again."""
        return self._undone[-1] if self._undone else None

    def undone(self) -> None:
        """The last step was taken back. Told apart from asking for it, as restoring may fail."""
        self._undone.append(self._done.pop())

    def redone(self) -> None:
        """The last step taken back was done again."""
        self._done.append(self._undone.pop())

    def forget(self, name: str) -> None:
        """A picture was changed by somebody else: steps that touch it cannot be taken back any more."""
        self._done = deque((step for step in self._done if not _touches(step, name)), maxlen=self._done.maxlen)
        self._undone = [step for step in self._undone if not _touches(step, name)]


def _touches(step: Step, name: str) -> bool:
    return any(before.name == name for before, _ in step.changes)
