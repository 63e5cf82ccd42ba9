"""Undo and redo: steps that hold the images they changed, before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from refseg.annotation.project import Project
from refseg.annotation.record_json import has_same_content
from refseg.annotation.records import AnnotatedImage
from refseg.errors import ConflictError, ProjectError

LIMIT = 200


@dataclass(frozen=True, eq=False)
class Step:
    """One edit: (before, after) for each image that it changed. Records share their unchanged parts."""

    changes: tuple[tuple[AnnotatedImage, AnnotatedImage], ...]

    def without(self, names: Sequence[str]) -> Step:
        """This step without its changes of some images."""
        return Step(tuple(change for change in self.changes if change[0].name not in names))


class History:
    """Steps of one editing session that can be undone and redone, at most `LIMIT`; older ones are dropped.

    A step is undone only if its images on disk are as the step left them. Changes by other windows are never
    overwritten.
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
        """How many steps can be redone."""
        return len(self._undone)

    def add(self, step: Step) -> None:
        """Adds a step. Steps that were undone before it cannot be redone any more."""
        self._done.append(step)
        del self._done[: -self._limit]
        self._undone.clear()

    def undo(self) -> Sequence[AnnotatedImage]:
        """Undoes the last step, all of it or nothing. Returns its images as they are now; empty if there is no step.

        Images that are no longer in the project are left out. Raises ConflictError if an image is not as the step left
        it; the changes of that image are dropped from the history then.
        """
        step = self._last(self._done)
        if step is None:
            return ()
        restored = self._apply([(after, before) for before, after in step.changes])
        self._undone.append(self._done.pop())
        return restored

    def redo(self) -> Sequence[AnnotatedImage]:
        """Redoes the step that was undone last. Returns and raises what `undo` does."""
        step = self._last(self._undone)
        if step is None:
            return ()
        restored = self._apply(step.changes)
        self._done.append(self._undone.pop())
        return restored

    def is_unchanged(self, record: AnnotatedImage) -> bool:
        """Whether the image on disk has the content of this record, so that a step that ends with it can be undone."""
        return self._on_disk(record) is not None

    def forget(self, *names: str) -> None:
        """Drops the changes of some images. The other changes of the same steps stay."""
        for steps in (self._done, self._undone):
            steps[:] = [rest for step in steps if (rest := step.without(names)).changes]

    def _last(self, steps: list[Step]) -> Step | None:
        """The last of these steps whose images still exist, without those that do not."""
        while steps:
            removed = [before.name for before, _ in steps[-1].changes if not self._project.has_image(before.name)]
            if not removed:
                return steps[-1]
            self.forget(*removed)
        return None

    def _apply(self, changes: Sequence[tuple[AnnotatedImage, AnnotatedImage]]) -> Sequence[AnnotatedImage]:
        """Saves each image in its second form if it is on disk in its first one."""
        on_disk = {expected.name: self._on_disk(expected) for expected, _ in changes}
        conflicts = [name for name, record in on_disk.items() if record is None]
        if conflicts:
            self.forget(*conflicts)
            more = f" and {len(conflicts) - 1} more images have" if len(conflicts) > 1 else " has"
            raise ConflictError(
                f"{conflicts[0]}{more} changed since, in another window or by a batch. Earlier edits cannot be undone"
                " there any more, and nothing was changed now. Undo again for the other edits."
            )
        return self._project.save_all(
            [replace(wanted, revision=record.revision) for _, wanted in changes if (record := on_disk[wanted.name])]
        )

    def _on_disk(self, expected: AnnotatedImage) -> AnnotatedImage | None:
        """The image on disk; None if it differs from the expected one."""
        try:
            record = self._project.record(expected.name)
        except ProjectError:  # just removed, or damaged
            return None
        return record if has_same_content(record, expected) else None
