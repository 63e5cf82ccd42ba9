"""The video tab: its widgets and which of them calls what. What then happens is in `video_page`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from refseg.ui.examples import Example
from refseg.ui.overlay_controls import OverlayControls, build_overlay_controls, first_settings
from refseg.ui.progress import WAITING
from refseg.ui.runner import Runner
from refseg.ui.session import TIME_TO_LIVE
from refseg.ui.shelf import Shelf
from refseg.ui.theme import script, static_text
from refseg.ui.video_downloads import VideoDownloads
from refseg.ui.video_frames import FrameSender
from refseg.ui.video_page import EMPTY, Running, Upload, VideoPage
from refseg.ui.video_run import VideoRun, close_run

RATES = [("all frames", 0.0), ("12 a second", 12.0), ("6 a second", 6.0), ("3 a second", 3.0), ("1 a second", 1.0)]

PLAYER = """
<div class="rs-player" data-state="empty">
  <div class="rs-stage"><img class="rs-picture" alt=""><canvas class="rs-overlay" width="1" height="1"></canvas></div>
  <div class="rs-panel">
    <div class="rs-transport"><button type="button" class="rs-play">Play</button>
      <input type="range" class="rs-scrub" min="0" max="0" value="0" step="1" aria-label="frame">
      <span class="rs-clock"></span></div>
    <p class="rs-readout" role="status"></p>
    <div class="rs-track"><div class="rs-key"><span style="--c:var(--rs-area)">area</span><span style="--c:var(--rs-peak)">peak</span>
      <span style="--c:var(--rs-steady)">IoU with the frame before</span><span style="--c:var(--rs-doubt)">doubtful</span></div>
      <div class="rs-plot"><canvas class="rs-chart" role="img"></canvas><i class="rs-cursor"></i></div></div>
    <button type="button" class="rs-doubt" disabled>No doubtful frame</button>
    <div class="rs-track"><div class="rs-key"><span>Attention of each word, frame by frame</span></div>
      <div class="rs-heatrow"><div class="rs-words"></div>
        <div class="rs-plot"><canvas class="rs-heat" role="img" aria-label="word attention over the frames"></canvas><i class="rs-cursor"></i></div></div></div>
    <div class="rs-track"><div class="rs-key"><span>Attention of the frames around this one</span></div><div class="rs-weights"></div></div>
  </div>
  <p class="rs-empty">The frames appear here while the run goes on.</p>
</div>
"""


@dataclass(frozen=True)
class Question:
    """The left column."""

    clip: gr.Video
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


@dataclass(frozen=True)
class Answer:
    """The right column."""

    player: gr.HTML
    controls: OverlayControls
    saves: dict[str, gr.Button]
    sends: tuple[gr.Button, gr.Button]


def build_video_tab(runner: Runner, examples: Sequence[Example], shelf: Shelf | None = None) -> None:
    """Adds the tab's contents to the Blocks being built. shelf: of the annotation tab, to which frames can be sent."""
    page = VideoPage(runner)
    with gr.Row(elem_classes="rs-columns"):
        with gr.Column(scale=5, min_width=320, elem_classes="rs-ask"):
            question = _question(examples)
        with gr.Column(scale=7, min_width=320, elem_classes="rs-answer"):
            answer = _answer(page, runner.predictor.threshold, sendable=shelf is not None)
    current = gr.State(None, time_to_live=TIME_TO_LIVE, delete_callback=close_run)
    _connect_run(page, question, answer, current)
    answer.controls.connect("#rs-player .rs-player")
    _connect_files(answer, question, current)
    if shelf is not None:
        _connect_annotation(FrameSender(shelf), answer, question, current)


def _question(examples: Sequence[Example]) -> Question:
    clip = gr.Video(
        sources=["upload"], label="Clip", show_label=False, height=300, buttons=[], elem_id="rs-clip", include_audio=False, interactive=True
    )
    with gr.Row(elem_classes="rs-say"):
        expression = gr.Textbox(
            label="What to find", placeholder="the boy on the bike", max_lines=1, scale=4, min_width=180, elem_id="rs-clip-expression"
        )
        run = gr.Button("Run", variant="primary", scale=1, min_width=80, elem_id="rs-run")
        cancel = gr.Button("Cancel", scale=1, min_width=80, elem_id="rs-cancel", interactive=False)
    with gr.Row(elem_classes="rs-sampling"):
        rate = gr.Dropdown(RATES, value=0.0, label="Frames used", min_width=150, elem_id="rs-rate")
        start = gr.Number(0, label="From (s)", minimum=0, min_width=80, elem_id="rs-start")
        end = gr.Number(0, label="To (s), 0: end", minimum=0, min_width=80, elem_id="rs-end")
    plan = gr.HTML("", elem_id="rs-plan")
    progress = gr.HTML("", elem_id="rs-progress")
    messages = gr.HTML("", elem_id="rs-clip-messages")
    buttons = []
    with gr.Row(elem_classes="rs-clips"):
        for number, example in enumerate(examples):
            text = f"Example: {example.expression}"
            buttons.append((gr.Button(text, size="sm", min_width=160, elem_id=f"rs-clip-example-{number}"), example))
    return Question(clip, expression, run, cancel, rate, start, end, plan, progress, messages, buttons)


def _answer(page: VideoPage, threshold: float, sendable: bool) -> Answer:
    def clip_frames(request: Any) -> Any:
        return page.frames(request)

    player = gr.HTML(
        {**EMPTY, "settings": first_settings(threshold)},
        html_template=PLAYER,
        js_on_load=script("paint.js", "player.js"),
        server_functions=[clip_frames],
        elem_id="rs-player",
        container=False,
    )
    controls = build_overlay_controls("rs-clip", threshold)
    with gr.Row(elem_classes="rs-saves"):
        saves = {
            name: gr.Button(text, size="sm", min_width=160, elem_id=f"rs-save-{name}")
            for name, text in (
                ("mp4", "Overlay MP4"),
                ("masks", "Masks PNG (zip)"),
                ("expressions", "meta_expressions.json"),
                ("timeline", "timeline.json"),
            )
        }
    with gr.Row(elem_classes="rs-saves", visible=sendable):
        one = gr.Button("This frame to Annotate", size="sm", min_width=160, elem_id="rs-send-frame")
        all_ = gr.Button("All frames to Annotate", size="sm", min_width=160, elem_id="rs-send-frames")
    return Answer(player, controls, saves, (one, all_))


def _connect_run(page: VideoPage, question: Question, answer: Answer, current: gr.State) -> None:
    """One run at a time, whoever asks; cancelling closes the generator, and with it the reading of the clip."""
    sampling = [question.rate, question.start, question.end]
    shown = [answer.player, question.progress, question.messages, current]
    buttons = [question.run, question.cancel]
    # Not the image tab's queue: whoever asks about a picture is answered between two frames of somebody's clip.
    network: dict[str, Any] = {"concurrency_id": "clips", "concurrency_limit": 1, "preprocess": False, "show_progress": "hidden"}
    local: dict[str, Any] = {"queue": False, "api_visibility": "private"}

    def run(upload: Upload, expression: str, rate: float, start: float, end: float | None, previous: VideoRun | None) -> Iterator[Running]:
        yield from page.run(upload, expression, rate, start, end, previous)

    inputs = [question.clip, question.expression, *sampling, current]
    changed = [question.clip.change, question.rate.change, question.start.change, question.end.change]
    gr.on(
        changed,
        page.plan,
        [question.clip, *sampling],
        [question.plan, question.messages],
        api_name="plan",
        **{**network, "concurrency_id": "plans"},
    )
    asked = [question.run.click, question.expression.submit]
    started = gr.on(asked, lambda: [*_buttons(running=True), WAITING], None, [*buttons, question.progress], **local)
    running = started.then(run, inputs, shown, api_name="segment_clip", stream_every=0.1, **network)
    running.then(lambda: _buttons(running=False), None, buttons, **local)
    stopped = question.cancel.click(page.cancelled, current, shown, cancels=[running], **local)
    stopped.then(lambda: _buttons(running=False), None, buttons, **local)
    for button, example in question.examples:
        button.click(lambda example=example: (str(example.path), example.expression), None, [question.clip, question.expression], **local)


def _buttons(running: bool) -> tuple[Any, Any]:
    """(run, cancel)."""
    return gr.Button(interactive=not running), gr.Button(interactive=running)


def _connect_files(answer: Answer, question: Question, current: gr.State) -> None:
    """A file is written when its button is pressed, and the browser then saves it."""
    saved = gr.File(visible="hidden")
    downloads = VideoDownloads()
    threshold = answer.controls.threshold
    for name, save, inputs in (
        ("mp4", downloads.save_mp4, answer.controls.inputs),
        ("masks", downloads.save_masks, [threshold]),
        ("expressions", downloads.save_expressions, []),
        ("timeline", downloads.save_timeline, [threshold]),
    ):
        written = answer.saves[name].click(
            save, [*inputs, current], [saved, question.messages], api_name=save.__name__, concurrency_limit=2, show_progress="minimal"
        )
        written.then(fn=None, inputs=saved, js=static_text("save.js"))


def _connect_annotation(sender: FrameSender, answer: Answer, question: Question, current: gr.State) -> None:
    """Frames go to the project that is open in the annotation tab of this browser; its script knows which."""
    one, all_ = answer.sends
    key, number = gr.Textbox(visible="hidden"), gr.Number(visible="hidden")
    threshold, sent = answer.controls.threshold, [question.progress, question.messages, key]
    which: dict[str, Any] = {"js": static_text("send_frames.js"), "concurrency_limit": 2, "show_progress": "hidden"}
    for done in (
        one.click(sender.send_frame, [number, key, threshold, current], sent, api_name="send_frame", **which),
        all_.click(sender.send_all_frames, [key, threshold, current], sent, api_name="send_all_frames", **which),
    ):
        done.then(fn=None, inputs=key, js='(key) => { document.dispatchEvent(new CustomEvent("refseg-project", { detail: key })); }')
