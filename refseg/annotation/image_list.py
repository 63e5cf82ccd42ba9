"""The list of pictures as a person works through it."""

from __future__ import annotations

from collections.abc import Sequence

from refseg.annotation.project import ImageSummary, Project
from refseg.annotation.records import STATES, State


class ImageList:
    """Pictures in some states, in an order that is decided when the list is asked for and stays while it is worked through: that a picture is less doubted
    once it has been worked on moves nothing, so "next" comes to every picture once. What has been added since comes at the end.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._states: Sequence[State] = STATES
        self._hardest_first = False
        self._order: list[str] = []  # of all pictures, as any may come into one of the states

    def sort(self, states: Sequence[State] = STATES, uncertain_first: bool = False) -> None:
        """Decide anew which pictures are listed, and their order: that of adding, or by the model's uncertainty."""
        self._states, self._hardest_first = states, uncertain_first
        self.sort_again()

    def sort_again(self) -> None:
        """Decide the order anew, by what is known of the pictures now."""
        self._order = [entry.name for entry in self._project.queue(uncertain_first=self._hardest_first)]

    def summaries(self, here: str | None = None) -> list[ImageSummary]:
        """The list as the project is now; the picture at hand, `here`, stays in it whatever became of its state, so that there is a place to go on from."""
        known = {entry.name: entry for entry in self._project.summaries}
        placed = set(self._order)
        self._order += [name for name in known if name not in placed]
        return [known[name] for name in self._order if name in known and (known[name].state in self._states or name == here)]

    def names(self, here: str | None = None) -> list[str]:
        """Their names."""
        return [entry.name for entry in self.summaries(here)]
