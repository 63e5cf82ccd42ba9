"""Sends frames of a video run with their masks to a project of the annotation tab."""

from collections.abc import Iterator, Sequence
from secrets import token_hex
from typing import NamedTuple

from refseg.annotation.clips import add_frames
from refseg.annotation.project import Project
from refseg.annotation.records import Annotation, utc_now
from refseg.data.masks import encode_rle
from refseg.errors import ProjectError
from refseg.ui.messages import NO_RESULT, Message, error_message, messages_html
from refseg.ui.prediction_client import origin_of
from refseg.ui.progress import progress_html
from refseg.ui.project_directory import ProjectDirectory
from refseg.ui.video.run import VideoRun


class SendOutputs(NamedTuple):
    """Values of the outputs: progress, messages, and the key of the project, for the annotation tab to open."""

    progress: str
    messages: str
    project_key: str


class FrameSender:
    """The callbacks."""

    def __init__(self, projects: ProjectDirectory) -> None:
        self._projects = projects

    def send_frame(self, number: float, key: str, threshold: float, run: VideoRun | None) -> Iterator[SendOutputs]:
        """Sends one frame."""
        numbers = [int(number)] if isinstance(number, int | float) else []
        yield from self._send(run, numbers, key, threshold)

    def send_all_frames(self, key: str, threshold: float, run: VideoRun | None) -> Iterator[SendOutputs]:
        """Sends all frames that have a result."""
        yield from self._send(run, range(run.done) if run is not None else [], key, threshold)

    def _send(self, run: VideoRun | None, numbers: Sequence[int], key: str, threshold: float) -> Iterator[SendOutputs]:
        if run is None or not numbers or not all(0 <= number < run.done for number in numbers):
            yield SendOutputs("", messages_html([Message(NO_RESULT, "error")]), key)
            return
        total, sent, color = len(numbers), 0, f"#{token_hex(3)}"
        try:
            key, project = self._open_project(key, run.name)
            info = run.clip.info
            self._projects.check_space(project, total * info.width * info.height)  # a PNG has about a byte per pixel
            frames = add_frames(
                project, run.clip, run.name, numbers, lambda number: frame_object(run, number, float(threshold), color)
            )
            for _ in frames:
                sent += 1
                if total > 1:
                    yield SendOutputs(progress_html(sent, total, 0.0), "", key)
            verb = "frame was" if sent == 1 else "frames were"
            text = f"{sent} {verb} added to the project \u201c{project.name}\u201d. Continue in the tab Annotate."
            message = Message(text)
        except Exception as error:
            message = error_message(error)
        progress = progress_html(sent, total, 0.0, has_ended=True) if total > 1 else ""
        yield SendOutputs(progress, messages_html([message]), key)

    def _open_project(self, key: str, name: str) -> tuple[str, Project]:
        """The project that is open in the annotation tab, or a new one with the clip's name."""
        try:
            return key, self._projects.open(key)
        except ProjectError:
            created = self._projects.create_similar(name)
            return created, self._projects.open(created)


def frame_object(run: VideoRun, number: int, threshold: float, color: str) -> Annotation:
    """The mask of a frame as an object of a project. A frame without a target becomes an object without a target."""
    entry = run.timeline.entries[number]
    return Annotation(
        token_hex(4),
        (run.expression,),
        color=color,
        no_target=entry.no_target,
        mask=None if entry.no_target else encode_rle(run.mask(number, threshold)),
        uncertainty=run.uncertainty(number, threshold),
        origin=origin_of(run.model, threshold),
        created=utc_now(),
        updated=utc_now(),
    )
