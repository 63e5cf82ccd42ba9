"""What the video tab does when something happens on it; the widgets themselves are in `video_tab`."""

import weakref
from collections.abc import Iterator, Mapping
from contextlib import closing
from time import perf_counter
from typing import Any, NamedTuple

from refseg.errors import VideoError
from refseg.ui import requests as ask
from refseg.ui.messages import NO_EXPRESSION, Message, failure, messages_html
from refseg.ui.progress import plan_html, progress_html
from refseg.ui.runner import Runner
from refseg.ui.video_run import STEPS, VideoRun, clip_name
from refseg.video.reader import Clip, open_clip
from refseg.video.sampling import Sampling

Upload = Mapping[str, Any] | None
"""An uploaded clip as the browser sends it: {"path": ...}. Anybody can send any path: see `requests.uploaded`."""

NO_CLIP = "There is no clip yet: drop one in or take the example."
UPDATE_EVERY = 0.25  # seconds between two messages to the browser while a run goes on
FRAMES_A_CALL = 12  # that the page's script may ask for at once
EMPTY: dict[str, Any] = {"state": "empty", "done": 0}


class Planned(NamedTuple):
    """Values of the outputs that follow a clip or its sampling."""

    plan: str
    messages: str


class Running(NamedTuple):
    """Values of the outputs while a run goes on."""

    player: dict[str, Any]
    progress: str
    messages: str
    run: VideoRun | None


class VideoPage:
    """The video tab's callbacks around one `Runner`."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._runs: weakref.WeakValueDictionary[str, VideoRun] = weakref.WeakValueDictionary()

    def plan(self, upload: Upload, fps: float, start: float, end: float | None) -> Planned:
        """How many frames a run would look at and how long it would take, as soon as that can be known."""
        try:
            clip = self._clip(upload, fps, start, end)
        except Exception as error:
            return Planned("", messages_html([failure(error)]))
        if clip is None:
            return Planned("", "")
        seconds = self._runner.seconds_a_frame()
        return Planned(plan_html(clip, seconds, self._runner.place), "")

    def run(
        self, upload: Upload, expression: str, fps: float, start: float, end: float | None, previous: VideoRun | None
    ) -> Iterator[Running]:
        """Answers frame by frame; what has been answered stays when the run is cancelled or fails."""
        try:
            clip = self._clip(upload, fps, start, end)
            if clip is None:
                raise VideoError(NO_CLIP)
            if not isinstance(expression, str) or not expression.strip():
                yield Running(EMPTY, "", messages_html([Message(NO_EXPRESSION, "error")]), None)
                return
            self._runner.predictor.tokeniser.encode(expression)
        except Exception as error:
            yield Running(EMPTY, "", messages_html([failure(error)]), None)
            return
        if previous is not None:
            previous.folder.remove()
        name = clip_name(str(clip.info.path), str(upload.get("orig_name") or "") if upload else None)
        run = VideoRun(clip, name, expression.strip(), model=self._runner.predictor.name)
        self._runs[run.token] = run
        yield Running(self._player(run, "running"), progress_html(0, len(clip), 0.0), "", run)
        yield from self._answer(run)

    def _answer(self, run: VideoRun) -> Iterator[Running]:
        started = told = perf_counter()
        total = len(run.clip)
        messages: list[Message] = []
        try:
            with closing(self._runner.run_clip(run.clip, run.expression)) as results:  # type: ignore[type-var]  # a generator
                for result in results:
                    if run.stopped:  # an answer that was under way then would take the page's word back
                        break
                    run.add(result)
                    now = perf_counter()
                    if now - told >= UPDATE_EVERY:
                        told = now
                        yield Running(self._player(run, "running"), progress_html(run.done, total, now - started), "", run)
        except VideoError as error:
            run.damage = str(error)
            messages.append(failure(error))
        except Exception as error:
            messages.append(failure(error))
        if run.stopped:
            yield self.cancelled(run)
            return
        seconds = perf_counter() - started
        if run.done == total:
            self._runner.note_pace(seconds / total)
        messages += about_run(run)
        yield Running(self._player(run, "done"), progress_html(run.done, total, seconds, ended=True), messages_html(messages), run)

    def cancelled(self, run: VideoRun | None) -> Running:
        """After the run has been stopped: what there is stays."""
        if run is None:
            return Running(EMPTY, "", "", None)
        run.stopped = True
        text = f"Stopped after {run.done} of {len(run.clip)} frames; what was found so far stays."
        note = messages_html([Message(text)])
        return Running(self._player(run, "done"), progress_html(run.done, len(run.clip), 0.0, ended=True), note, run)

    def frames(self, request: Any) -> list[dict[str, Any]]:
        """For the page's script, as often as it likes: frames of a run whose token it knows. Nothing is computed."""
        if not isinstance(request, dict):
            return []
        run = self._runs.get(str(request.get("run")))
        first = request.get("first")
        if run is None or not isinstance(first, int):
            return []
        try:
            return run.frames(first, first + FRAMES_A_CALL - 1)
        except OSError:  # the run was thrown away meanwhile
            return []

    def _clip(self, upload: Upload, fps: float, start: float, end: float | None) -> Clip | None:
        """The uploaded clip with its frames chosen; None without one. Raises InputError or VideoError."""
        if not upload or not upload.get("path"):
            return None
        return open_clip(str(ask.uploaded(upload)), Sampling(fps=fps or None, start=max(0.0, float(start or 0)), end=end or None))

    def _player(self, run: VideoRun, state: str) -> dict[str, Any]:
        return {
            "state": state,
            "run": run.token,
            "done": run.done,
            "total": len(run.clip),
            "rate": round(run.clip.rate, 4),
            "words": list(run.tokens),
            "aspect": [run.clip.info.width, run.clip.info.height],
            "box": run.geometry(),
            "steps": STEPS,
            "expression": run.expression,
        }


def about_run(run: VideoRun) -> list[Message]:
    """What a person should know of a run that ended."""
    moments = run.timeline.moments
    absent = sum(moment.absent for moment in moments)
    if moments and absent > len(moments) / 2:
        text = f"This is probably not in the clip: in {absent} of {len(moments)} frames the model takes it for absent."
        return [Message(text, "warning")]
    doubtful = sum(moment.doubtful for moment in moments)
    if doubtful:
        return [Message(f"{doubtful} of {len(moments)} frames are doubtful; the button under the timeline goes to the next one.")]
    return []
