"""Sends masks of a run over a clip to the annotation tab, frame by frame."""

from collections.abc import Iterator
from secrets import token_hex
from typing import NamedTuple

from refseg.annotation.clips import take_frames
from refseg.annotation.records import Layer, now
from refseg.annotation.store import Project
from refseg.data.masks import encode_rle
from refseg.errors import ProjectError
from refseg.ui.messages import NO_RESULT, Message, failure, messages_html
from refseg.ui.progress import progress_html
from refseg.ui.proposer import origin_of
from refseg.ui.shelf import Shelf
from refseg.ui.video_run import VideoRun


class Sent(NamedTuple):
    """Values of the outputs: progress, messages, and the key of the project, for the annotation tab to open."""

    progress: str
    messages: str
    key: str


class FrameSender:
    """The callbacks around one shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def send_frame(self, number: float, key: str, threshold: float, run: VideoRun | None) -> Iterator[Sent]:
        """One frame."""
        yield from self._send(run, [int(number)] if isinstance(number, int | float) else [], key, threshold)

    def send_all_frames(self, key: str, threshold: float, run: VideoRun | None) -> Iterator[Sent]:
        """All frames answered so far."""
        yield from self._send(run, range(run.done) if run is not None else [], key, threshold)

    def _send(self, run: VideoRun | None, numbers: "list[int] | range", key: str, threshold: float) -> Iterator[Sent]:
        if run is None or not all(0 <= number < run.done for number in numbers) or not numbers:
            yield Sent("", messages_html([Message(NO_RESULT, "error")]), key)
            return
        sent, colour = 0, f"#{token_hex(3)}"
        try:
            key, project = self._project(key, run.name)
            info = run.clip.info
            self._shelf.check_room(project, len(numbers) * info.width * info.height)  # a PNG takes about a byte a pixel
            for _ in take_frames(
                project, run.clip, run.name, numbers, lambda number: layer_of_frame(run, number, float(threshold), colour)
            ):
                sent += 1
                if len(numbers) > 1:
                    yield Sent(progress_html(sent, len(numbers), 0.0), "", key)
            text = (
                f"{sent} {'frame is' if sent == 1 else 'frames are'} in the project \u201c{project.name}\u201d: go on in the tab Annotate."
            )
            message = Message(text)
        except Exception as error:
            message = failure(error)
        ended = progress_html(sent, len(numbers), 0.0, ended=True) if len(numbers) > 1 else ""
        yield Sent(ended, messages_html([message]), key)

    def _project(self, key: str, name: str) -> tuple[str, Project]:
        """The project that the visitor works at, or a new one with the clip's name."""
        try:
            return key, self._shelf.open(key)
        except ProjectError:
            made = self._shelf.create_free(name)
            return made, self._shelf.open(made)


def layer_of_frame(run: VideoRun, number: int, threshold: float, colour: str) -> Layer:
    """What the run has drawn in a frame. A frame in which the model takes the thing for absent keeps that verdict."""
    moment = run.timeline.moments[number]
    return Layer(
        token_hex(4),
        (run.expression,),
        colour=colour,
        absent=moment.absent,
        mask=None if moment.absent else encode_rle(run.mask(number, threshold)),
        doubt=run.doubt(number, threshold),
        origin=origin_of(run.model, threshold),
        created=now(),
        updated=now(),
    )
