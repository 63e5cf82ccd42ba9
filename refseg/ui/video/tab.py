"""The video tab: its widgets, and which callback of `VideoEvents` each event calls."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from refseg.inference.timeline import MIN_STABLE_IOU
from refseg.ui.assets import call_module, load_module, static_text
from refseg.ui.examples import Example
from refseg.ui.model_runner import ModelRunner
from refseg.ui.overlay_controls import OverlayControls, build_overlay_controls, initial_settings
from refseg.ui.progress import WAITING
from refseg.ui.project_directory import ProjectDirectory
from refseg.ui.session import SESSION_SECONDS
from refseg.ui.video.downloads import VideoDownloads
from refseg.ui.video.events import EMPTY, RunOutputs, UploadedVideo, VideoEvents
from refseg.ui.video.run import MAX_VIEW_SIDE, VideoRun, close_run
from refseg.ui.video.send_to_annotate import FrameSender

FRAME_RATES = [
    ("all frames", 0.0),
    ("12 per second", 12.0),
    ("6 per second", 6.0),
    ("3 per second", 3.0),
    ("1 per second", 1.0),
]
DOWNLOADS = (
    ("mp4", "Overlay MP4"),
    ("masks", "Masks PNG (zip)"),
    ("expressions", "meta_expressions.json"),
    ("timeline", "timeline.json"),
)


@dataclass(frozen=True)
class Inputs:
    """The left column: the video, the expression and the sampling."""

    video: gr.Video
    expression: gr.Textbox
    run: gr.Button
    cancel: gr.Button
    rate: gr.Dropdown
    start: gr.Number
    end: gr.Number
    plan: gr.HTML
    progress: gr.HTML
    messages: gr.HTML
    examples: list[tuple[gr.Button, Example]]

    @property
    def sampling(self) -> list[Any]:
        """Frame rate, start and end."""
        return [self.rate, self.start, self.end]


@dataclass(frozen=True)
class Outputs:
    """The right column: the player and the downloads."""

    player: gr.HTML
    controls: OverlayControls
    downloads: dict[str, gr.Button]
    send_frame: gr.Button
    send_all_frames: gr.Button


def build_video_tab(
    runner: ModelRunner,
    examples: Sequence[Example],
    projects: ProjectDirectory | None = None,
    model: gr.Dropdown | None = None,
) -> None:
    """Adds the tab's contents to the Blocks being built. projects: those to which frames can be sent.  model: the
    choice of a model."""
    events = VideoEvents(runner)
    with gr.Row(elem_classes="rs-columns"):
        with gr.Column(scale=5, min_width=320, elem_classes="rs-inputs"):
            inputs = _build_inputs(examples)
        with gr.Column(scale=7, min_width=320, elem_classes="rs-outputs"):
            outputs = _build_outputs(events, runner.predictor.threshold, can_send=projects is not None)
    current = gr.State(None, time_to_live=SESSION_SECONDS, delete_callback=close_run)
    _connect_run(events, inputs, outputs, current, [] if model is None else [model])
    outputs.controls.connect("#rs-player .rs-player")
    _connect_downloads(inputs, outputs, current)
    if projects is not None:
        _connect_annotate(FrameSender(projects), inputs, outputs, current)


def _build_inputs(examples: Sequence[Example]) -> Inputs:
    video = gr.Video(
        sources=["upload"],
        label="Video",
        show_label=False,
        height=300,
        buttons=[],
        elem_id="rs-video-input",
        include_audio=False,
        interactive=True,
    )
    with gr.Row(elem_classes="rs-prompt"):
        expression = gr.Textbox(
            label="Expression",
            placeholder="the boy on the bike",
            max_lines=1,
            scale=4,
            min_width=180,
            elem_id="rs-video-expression",
        )
        run = gr.Button("Segment", variant="primary", scale=1, min_width=96, elem_id="rs-run")
        cancel = gr.Button("Cancel", scale=1, min_width=80, elem_id="rs-cancel", interactive=False)
    with gr.Row(elem_classes="rs-sampling"):
        rate = gr.Dropdown(FRAME_RATES, value=0.0, label="Frames", min_width=150, elem_id="rs-rate")
        start = gr.Number(0, label="Start (s)", minimum=0, min_width=80, elem_id="rs-start")
        end = gr.Number(0, label="End (s), 0: whole video", minimum=0, min_width=80, elem_id="rs-end")
    plan = gr.HTML("", elem_id="rs-plan")
    progress = gr.HTML("", elem_id="rs-progress")
    messages = gr.HTML("", elem_id="rs-video-messages")
    buttons = []
    with gr.Row(elem_classes="rs-video-examples"):
        for number, example in enumerate(examples):
            text = f"Example: {example.expression}"
            button = gr.Button(text, size="sm", min_width=160, elem_id=f"rs-video-example-{number}")
            buttons.append((button, example))
    return Inputs(video, expression, run, cancel, rate, start, end, plan, progress, messages, buttons)


def _build_outputs(events: VideoEvents, threshold: float, can_send: bool) -> Outputs:
    def clip_frames(request: Any) -> Any:
        return events.frames(request)

    player = gr.HTML(
        {**EMPTY, "settings": initial_settings(threshold)},
        html_template=static_text("video/video_player.html"),
        js_on_load=load_module("video/video_player.js", min_stable_iou=MIN_STABLE_IOU, max_side=MAX_VIEW_SIDE),
        server_functions=[clip_frames],
        elem_id="rs-player",
        container=False,
    )
    controls = build_overlay_controls("rs-video", threshold)
    with gr.Row(elem_classes="rs-downloads"):
        downloads = {
            name: gr.Button(text, size="sm", min_width=160, elem_id=f"rs-save-{name}") for name, text in DOWNLOADS
        }
    with gr.Row(elem_classes="rs-downloads", visible=can_send):
        one = gr.Button("Annotate this frame", size="sm", min_width=160, elem_id="rs-send-frame")
        all_ = gr.Button("Annotate all frames", size="sm", min_width=160, elem_id="rs-send-frames")
    return Outputs(player, controls, downloads, one, all_)


def _connect_run(
    events: VideoEvents, inputs: Inputs, outputs: Outputs, current: gr.State, choice: list[gr.Dropdown]
) -> None:
    """One run at a time for all visitors. Canceling closes the generator, and with it the video file."""
    shown = [outputs.player, inputs.progress, inputs.messages, current]
    buttons = [inputs.run, inputs.cancel]
    # Not the image tab's queue: an image is segmented between two frames of another visitor's video.
    model: dict[str, Any] = {
        "concurrency_id": "clips",
        "concurrency_limit": 1,
        "preprocess": False,
        "show_progress": "hidden",
    }
    local: dict[str, Any] = {"queue": False, "api_visibility": "private"}

    def run(
        upload: UploadedVideo,
        expression: str,
        rate: float,
        start: float,
        end: float | None,
        previous: VideoRun | None,
        name: str | None = None,
    ) -> Iterator[RunOutputs]:
        yield from events.run(upload, expression, rate, start, end, previous, name)

    gr.on(
        [inputs.video.change, inputs.rate.change, inputs.start.change, inputs.end.change],
        events.plan,
        [inputs.video, *inputs.sampling],
        [inputs.plan, inputs.messages],
        api_name="plan",
        **{**model, "concurrency_id": "plans"},
    )
    requested = [inputs.run.click, inputs.expression.submit]
    started = gr.on(requested, lambda: [*_buttons(True), WAITING], None, [*buttons, inputs.progress], **local)
    arguments = [inputs.video, inputs.expression, *inputs.sampling, current, *choice]
    running = started.then(run, arguments, shown, api_name="segment_clip", stream_every=0.1, **model)
    running.then(lambda: _buttons(False), None, buttons, **local)
    canceled = inputs.cancel.click(events.cancel, current, shown, cancels=[running], **local)
    canceled.then(lambda: _buttons(False), None, buttons, **local)
    for button, example in inputs.examples:
        button.click(
            lambda example=example: (str(example.path), example.expression),
            None,
            [inputs.video, inputs.expression],
            **local,
        )


def _buttons(is_running: bool) -> tuple[Any, Any]:
    """(segment, cancel)."""
    return gr.Button(interactive=not is_running), gr.Button(interactive=is_running)


def _connect_downloads(inputs: Inputs, outputs: Outputs, current: gr.State) -> None:
    """A click writes the file on the server, and the browser then downloads it."""
    saved = gr.File(visible="hidden")
    downloads = VideoDownloads()
    threshold = outputs.controls.threshold
    for name, save, arguments in (
        ("mp4", downloads.save_mp4, outputs.controls.inputs),
        ("masks", downloads.save_masks, [threshold]),
        ("expressions", downloads.save_expressions, []),
        ("timeline", downloads.save_timeline, [threshold]),
    ):
        written = outputs.downloads[name].click(
            save,
            [*arguments, current],
            [saved, inputs.messages],
            api_name=save.__name__,
            concurrency_limit=2,
            show_progress="minimal",
        )
        written.then(fn=None, inputs=saved, js=call_module("shared/files.js", "downloadGradioFile"))


def _connect_annotate(sender: FrameSender, inputs: Inputs, outputs: Outputs, current: gr.State) -> None:
    """Frames go to the project that is open in the annotation tab of the same browser. Only its script knows which."""
    key, number = gr.Textbox(visible="hidden"), gr.Number(visible="hidden")
    threshold, shown = outputs.controls.threshold, [inputs.progress, inputs.messages, key]
    options: dict[str, Any] = {"concurrency_limit": 2, "show_progress": "hidden"}
    module = "video/send_frames.js"
    one = outputs.send_frame.click(
        sender.send_frame,
        [number, key, threshold, current],
        shown,
        js=call_module(module, "sendFrameInputs"),
        api_name="send_frame",
        **options,
    )
    all_ = outputs.send_all_frames.click(
        sender.send_all_frames,
        [key, threshold, current],
        shown,
        js=call_module(module, "sendAllFramesInputs"),
        api_name="send_all_frames",
        **options,
    )
    for sent in (one, all_):
        sent.then(fn=None, inputs=key, js=call_module(module, "announceProject"))
