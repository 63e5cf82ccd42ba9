"""What the video tab does when something happens; its widgets are in `tab`."""

import weakref
from collections.abc import Iterator, Mapping
from contextlib import closing
from time import perf_counter
from typing import Any, NamedTuple

from refseg.errors import VideoError
from refseg.ui import request_values as values
from refseg.ui.messages import NO_EXPRESSION, Message, error_message, messages_html
from refseg.ui.model_runner import ModelRunner
from refseg.ui.progress import plan_html, progress_html
from refseg.ui.video.run import LOGIT_STEPS, VideoRun, clip_name
from refseg.video.reader import Clip, open_clip
from refseg.video.sampling import Sampling

UploadedVideo = Mapping[str, Any] | None
"""An uploaded video as the browser sends it: {"path": ...}. The path may be any: see `uploaded_file`."""

NO_VIDEO = "There is no video yet. Drop one or choose the example."
UPDATE_SECONDS = 0.25  # between two updates of the page during a run
FRAMES_PER_REQUEST = 12  # that the player gets at once
EMPTY: dict[str, Any] = {"state": "empty", "done": 0}


class PlanOutputs(NamedTuple):
    """Values of the outputs that follow a video or its sampling."""

    plan: str
    messages: str


class RunOutputs(NamedTuple):
    """Values of the outputs during a run."""

    player: dict[str, Any]
    progress: str
    messages: str
    run: VideoRun | None


class VideoEvents:
    """The video tab's callbacks."""

    def __init__(self, runner: ModelRunner) -> None:
        self._runner = runner
        self._runs: weakref.WeakValueDictionary[str, VideoRun] = weakref.WeakValueDictionary()

    def plan(self, upload: UploadedVideo, fps: float, start: float, end: float | None) -> PlanOutputs:
        """How many frames a run would have and how long it would take."""
        try:
            clip = self._open(upload, fps, start, end)
        except Exception as error:
            return PlanOutputs("", messages_html([error_message(error)]))
        if clip is None:
            return PlanOutputs("", "")
        return PlanOutputs(plan_html(clip, self._runner.seconds_per_frame(), self._runner.device_label), "")

    def run(
        self,
        upload: UploadedVideo,
        expression: str,
        fps: float,
        start: float,
        end: float | None,
        previous: VideoRun | None,
        model: str | None = None,
    ) -> Iterator[RunOutputs]:
        """Results frame by frame. They stay when the run is canceled or fails."""
        try:
            clip = self._open(upload, fps, start, end)
            if clip is None:
                raise VideoError(NO_VIDEO)
            if not isinstance(expression, str) or not expression.strip():
                yield RunOutputs(EMPTY, "", messages_html([Message(NO_EXPRESSION, "error")]), None)
                return
            predictor = self._runner.models.get(model)
            predictor.tokenizer.encode(expression)
        except Exception as error:
            yield RunOutputs(EMPTY, "", messages_html([error_message(error)]), None)
            return
        if previous is not None:
            previous.folder.remove()
        name = clip_name(str(clip.info.path), str(upload.get("orig_name") or "") if upload else None)
        run = VideoRun(clip, name, expression.strip(), model=predictor.name)
        self._runs[run.token] = run
        yield RunOutputs(_player_value(run, "running"), progress_html(0, len(clip), 0.0), "", run)
        yield from self._results(run, model)

    def _results(self, run: VideoRun, model: str | None) -> Iterator[RunOutputs]:
        started = updated = perf_counter()
        total = len(run.clip)
        messages: list[Message] = []
        try:
            results = self._runner.run_video(run.clip, run.expression, model)
            with closing(results):  # type: ignore[type-var]  # a generator
                for result in results:
                    if run.is_canceled:  # the outputs of `cancel` must stay the last
                        break
                    run.add(result)
                    now = perf_counter()
                    if now - updated >= UPDATE_SECONDS:
                        updated = now
                        progress = progress_html(run.done, total, now - started)
                        yield RunOutputs(_player_value(run, "running"), progress, "", run)
        except VideoError as error:
            run.damage = str(error)
            messages.append(error_message(error))
        except Exception as error:
            messages.append(error_message(error))
        if run.is_canceled:
            yield self.cancel(run)
            return
        seconds = perf_counter() - started
        if run.done == total:
            self._runner.record_seconds_per_frame(seconds / total)
        messages += run_messages(run)
        progress = progress_html(run.done, total, seconds, has_ended=True)
        yield RunOutputs(_player_value(run, "done"), progress, messages_html(messages), run)

    def cancel(self, run: VideoRun | None) -> RunOutputs:
        """Cancels the run. Its results stay."""
        if run is None:
            return RunOutputs(EMPTY, "", "", None)
        run.is_canceled = True
        text = f"Canceled after {run.done} of {len(run.clip)} frames. The results so far stay."
        progress = progress_html(run.done, len(run.clip), 0.0, has_ended=True)
        return RunOutputs(_player_value(run, "done"), progress, messages_html([Message(text)]), run)

    def frames(self, request: Any) -> list[dict[str, Any]]:
        """Frames of the run with the token that the player names. Nothing is computed."""
        if not isinstance(request, dict):
            return []
        run = self._runs.get(str(request.get("run")))
        first = request.get("first")
        if run is None or not isinstance(first, int):
            return []
        try:
            return run.frames(first, first + FRAMES_PER_REQUEST - 1)
        except OSError:  # the run was deleted meanwhile
            return []

    def _open(self, upload: UploadedVideo, fps: float, start: float, end: float | None) -> Clip | None:
        """The uploaded video with its sampling; None without one. Raises InputError or VideoError."""
        if not upload or not upload.get("path"):
            return None
        sampling = Sampling(fps=fps or None, start=max(0.0, float(start or 0)), end=end or None)
        return open_clip(str(values.uploaded_file(upload)), sampling)


def _player_value(run: VideoRun, state: str) -> dict[str, Any]:
    return {
        "state": state,
        "run": run.token,
        "done": run.done,
        "total": len(run.clip),
        "rate": round(run.clip.rate, 4),
        "words": list(run.tokens),
        "aspect": [run.clip.info.width, run.clip.info.height],
        "letterbox": run.letterbox_json(),
        "steps": LOGIT_STEPS,
        "expression": run.expression,
    }


def run_messages(run: VideoRun) -> list[Message]:
    """Messages after a run."""
    entries = run.timeline.entries
    without_target = sum(entry.no_target for entry in entries)
    if entries and without_target > len(entries) / 2:
        text = (
            f"The expression probably names nothing in this video: the model finds no target in {without_target} of"
            f" {len(entries)} frames."
        )
        return [Message(text, "warning")]
    uncertain = sum(entry.is_uncertain for entry in entries)
    if uncertain:
        text = f"{uncertain} of {len(entries)} frames are uncertain. The button under the timeline shows the next one."
        return [Message(text)]
    return []
