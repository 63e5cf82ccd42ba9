"""The image list of the editor: which images it shows, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

from refseg.annotation.image_index import ImageSummary
from refseg.annotation.project import Project
from refseg.annotation.records import STATES, State


class ImageList:
    """Images in some states, in an order that changes only when the list is sorted.

    Correcting an image lowers its uncertainty but does not move it, so that "next" visits every image once. Images that
    are added later come at the end.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._states: Sequence[State] = STATES
        self._uncertain_first = False
        self._order: list[str] = []  # of all images, because each may change to one of the states

    def sort(self, states: Sequence[State] = STATES, uncertain_first: bool = False) -> None:
        """Sets which states are listed, and sorts: in the order of adding, or the most uncertain first."""
        self._states, self._uncertain_first = states, uncertain_first
        self.sort_again()

    def sort_again(self) -> None:
        """Sorts by the current uncertainties."""
        self._order = [summary.name for summary in self._project.summaries_in(uncertain_first=self._uncertain_first)]

    def summaries(self, open_image: str | None = None) -> list[ImageSummary]:
        """The list for the project's current contents.

        open_image: stays in the list whatever its state is, so that "next" has a position to start from.
        """
        known = {summary.name: summary for summary in self._project.summaries}
        sorted_names = set(self._order)
        self._order += [name for name in known if name not in sorted_names]
        return [
            known[name]
            for name in self._order
            if name in known and (known[name].state in self._states or name == open_image)
        ]

    def names(self, open_image: str | None = None) -> list[str]:
        """Names of `summaries`."""
        return [summary.name for summary in self.summaries(open_image)]
