"""What can be undone: each step of a person's work, with the pictures as they were before and after, and the way back and forth between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from refseg.annotation.project import Project
from refseg.annotation.records import AnnotatedImage, has_same_content
from refseg.errors import ConflictError, ProjectError

LIMIT = 200


@dataclass(frozen=True, eq=False)
class Step:
    """One thing that was done: (before, after) of every picture that it changed; records share what they have in common, so a step is small."""

    changes: tuple[tuple[AnnotatedImage, AnnotatedImage], ...]

    def without(self, names: Sequence[str]) -> Step:
        """The step less what it did to some pictures."""
        return Step(tuple(change for change in self.changes if change[0].name not in names))


class History:
    """Steps done and steps undone, at one editor; the oldest are forgotten beyond `LIMIT`.

    A step is taken back from pictures only that are as it left them, whoever has saved them since: what it does not know of is never overwritten.
    """

    def __init__(self, project: Project, limit: int = LIMIT) -> None:
        self._project, self._limit = project, limit
        self._done: list[Step] = []
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
        del self._done[: -self._limit]
        self._undone.clear()

    def undo(self) -> Sequence[AnnotatedImage]:
        """Takes the last step back, all of it or nothing; returns its pictures as they are now, none where there is no step. Pictures that are no longer
        in the project are left out. Raises ConflictError where one is not as the step left it; what was done to that one is forgotten then."""
        step = self._last(self._done)
        if step is None:
            return ()
        restored = self._changed([(after, before) for before, after in step.changes])
        self._undone.append(self._done.pop())
        return restored

    def redo(self) -> Sequence[AnnotatedImage]:
        """Does the step again that was taken back last; returns and raises what `undo` does."""
        step = self._last(self._undone)
        if step is None:
            return ()
        restored = self._changed(step.changes)
        self._done.append(self._undone.pop())
        return restored

    def stands(self, left: AnnotatedImage) -> bool:
        """Whether a picture is as it was left, so that a step that ends there can be taken back."""
        return self._present(left) is not None

    def forget(self, *names: str) -> None:
        """What was done to some pictures cannot be taken back any more; of steps over several pictures the rest stays."""
        for steps in (self._done, self._undone):
            steps[:] = [left for step in steps if (left := step.without(names)).changes]

    def _last(self, steps: list[Step]) -> Step | None:
        """The last of those steps that still has a picture."""
        while steps:
            gone = [before.name for before, _ in steps[-1].changes if not self._project.holds(before.name)]
            if not gone:
                return steps[-1]
            self.forget(*gone)
        return None

    def _changed(self, changes: Sequence[tuple[AnnotatedImage, AnnotatedImage]]) -> Sequence[AnnotatedImage]:
        """Each picture from what it must be now to what it shall be."""
        present = {left.name: self._present(left) for left, _ in changes}
        others = [name for name, record in present.items() if record is None]
        if others:
            self.forget(*others)
            more = f" and {len(others) - 1} more have" if len(others) > 1 else " has"
            raise ConflictError(
                f"{others[0]}{more} changed since, in another window or by a batch, so what was done before that can no longer be taken back: "
                "nothing was changed now, ask again for the other steps"
            )
        return self._project.save_all(
            [replace(wanted, revision=record.revision) for _, wanted in changes if (record := present[wanted.name])]
        )

    def _present(self, left: AnnotatedImage) -> AnnotatedImage | None:
        """The picture as it is on disk; None where it is not as it was left."""
        try:
            present = self._project.record(left.name)
        except ProjectError:  # gone at this moment, or its file is damaged
            return None
        return present if has_same_content(present, left) else None
