"""The image tab: its widgets and which of them calls what. What then happens is in `image_page`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from refseg.ui.downloads import Downloads
from refseg.ui.examples import Example, examples_html
from refseg.ui.image_page import EMPTY, ImagePage, Picture
from refseg.ui.overlay_controls import OverlayControls, build_overlay_controls, first_settings
from refseg.ui.runner import Runner
from refseg.ui.session import TIME_TO_LIVE, Session, close_session
from refseg.ui.theme import script, static_text
from refseg.ui.why_page import WhyPage
from refseg.ui.why_tab import build_why

RESULT = """
<div class="rs-result" data-state="empty">
  <div class="rs-stage"><img class="rs-picture" alt=""><canvas class="rs-overlay" width="1" height="1"></canvas></div>
  <p class="rs-line"><span><strong class="rs-area">0 %</strong> of the picture</span><span class="rs-readout"></span></p>
  <p class="rs-empty">What you name lights up here.</p>
</div>
"""


@dataclass(frozen=True)
class Question:
    """The left column: what is asked about what."""

    picture: gr.Image
    expression: gr.Textbox
    find: gr.Button
    messages: gr.HTML
    gallery: gr.HTML


@dataclass(frozen=True)
class Answer:
    """The right column: the mask and its files."""

    result: gr.HTML
    controls: OverlayControls
    refine: gr.Checkbox
    facts: gr.HTML
    save_mask: gr.Button
    save_overlay: gr.Button
    save_result: gr.Button


def build_image_tab(runner: Runner, examples: Sequence[Example], unavailable: str | None) -> None:
    """Adds the tab's contents to the Blocks being built.

    unavailable: why edges cannot be refined on this machine, None when they can.
    """
    why = WhyPage(runner)
    with gr.Column(elem_classes="rs-image"):
        with gr.Row(elem_classes="rs-columns"):
            with gr.Column(scale=5, min_width=320, elem_classes="rs-ask"):
                question = _question(examples)
            with gr.Column(scale=7, min_width=320, elem_classes="rs-answer"):
                answer = _answer(runner.predictor.threshold, unavailable)
        with gr.Accordion("Why this mask", open=False, elem_id="rs-why"):
            reasons = build_why(why)
    session = gr.State(None, time_to_live=TIME_TO_LIVE, delete_callback=close_session)
    page = ImagePage(runner, why, examples)
    _connect_network(page, question, answer, reasons, session)
    _connect_controls(page, answer, reasons, session)
    _connect_files(Downloads(runner.predictor.name), question, answer, session)


def _question(examples: Sequence[Example]) -> Question:
    picture = gr.Image(
        type="filepath",
        image_mode=None,
        sources=["upload", "clipboard", "webcam"],
        label="Picture",
        show_label=False,
        buttons=[],
        format="png",
        height=340,
        elem_id="rs-picture",
        placeholder="# Drop a picture here\nor press to choose one",
    )
    with gr.Row(elem_classes="rs-say"):
        expression = gr.Textbox(
            label="What to find", placeholder="the dog on the left", max_lines=1, scale=4, min_width=180, elem_id="rs-expression"
        )
        find = gr.Button("Find", variant="primary", scale=1, min_width=88, elem_id="rs-find")
    script = static_text("choices.js")
    messages = gr.HTML("", js_on_load=script, elem_id="rs-messages")
    gallery = gr.HTML(examples_html(examples), js_on_load=script, elem_id="rs-gallery", elem_classes="rs-gallery")
    return Question(picture, expression, find, messages, gallery)


def _answer(threshold: float, unavailable: str | None) -> Answer:
    result = gr.HTML(
        {**EMPTY, "settings": first_settings(threshold)},
        html_template=RESULT,
        js_on_load=script("paint.js", "result.js"),
        elem_id="rs-result",
        container=False,
    )
    refine = _refine(unavailable)
    controls = build_overlay_controls("rs", threshold, beside=[refine])
    facts = gr.HTML("", elem_id="rs-facts")
    with gr.Row(elem_classes="rs-saves"):
        mask, overlay, record = (
            gr.Button(text, size="sm", min_width=100, elem_id=f"rs-save-{name}")
            for name, text in (("mask", "Mask PNG"), ("overlay", "Overlay PNG"), ("result", "result.json"))
        )
    return Answer(result, controls, refine, facts, mask, overlay, record)


def _refine(unavailable: str | None) -> gr.Checkbox:
    return gr.Checkbox(
        False,
        label="Refine edges",
        info=unavailable or "to the picture's own edges (DenseCRF)",
        interactive=unavailable is None,
        min_width=200,
        scale=2,
        elem_id="rs-refine",
        render=False,
    )


def _connect_network(page: ImagePage, question: Question, answer: Answer, reasons: gr.HTML, session: gr.State) -> None:
    """What may run the network: one at a time, whoever asks. Uploads are taken as files (`preprocess=False`), for `load_image` to decode."""
    shown = [answer.result, question.messages, answer.facts, reasons, session]
    network: dict[str, Any] = {"concurrency_id": "network", "concurrency_limit": 1, "preprocess": False, "show_progress": "minimal"}
    segment: dict[str, Any] = {
        "fn": page.segment,
        "inputs": [question.picture, question.expression, answer.controls.threshold, answer.refine, session],
        "outputs": shown,
        **network,
    }
    local: dict[str, Any] = {"queue": False, "api_visibility": "private"}

    def open_picture(picture: Picture, current: Session | None) -> Any:
        opened = page.open_picture(picture, current)
        if opened is None:
            return gr.skip()
        return None if opened.session is None else gr.skip(), *opened

    def choose_word(text: str, event: gr.EventData) -> str:
        return page.choose_word(text, _choice(event))

    def choose_example(event: gr.EventData) -> Any:
        return page.choose_example(_choice(event))

    picture, expression = question.picture, question.expression
    picture.change(open_picture, [picture, session], [picture, *shown], api_name="open_picture", **network)
    gr.on([question.find.click, expression.submit], api_name="segment", **segment)
    question.messages.click(choose_word, expression, expression, **local).then(api_visibility="private", **segment)
    question.gallery.click(choose_example, None, [picture, expression], **local).then(api_visibility="private", **segment)


def _connect_controls(page: ImagePage, answer: Answer, reasons: gr.HTML, session: gr.State) -> None:
    """The overlay follows its controls in the browser alone; refined edges come from here, when a control is let go."""
    threshold, refine = answer.controls.threshold, answer.refine
    answer.controls.connect("#rs-result .rs-result")

    def follow_threshold(threshold: float, refine: bool, current: Session | None) -> Any:
        return page.refine(threshold, refine, current) if refine else gr.skip()

    def choose_part(threshold: float, refine: bool, current: Session | None, event: gr.EventData) -> Any:
        return page.choose_part(_choice(event), threshold, refine, current)

    chosen = [answer.result, session]
    reasons.select(choose_part, [threshold, refine, session], chosen, api_visibility="private", show_progress="hidden")
    edges: dict[str, Any] = {"inputs": [threshold, refine, session], "outputs": answer.result, "show_progress": "minimal"}
    refine.change(page.refine, api_name="refine", **edges)
    # Whoever moves on while edges are refined means the last threshold.
    threshold.release(follow_threshold, api_visibility="private", trigger_mode="always_last", **edges)


def _connect_files(downloads: Downloads, question: Question, answer: Answer, session: gr.State) -> None:
    """A file is written when its button is pressed, and the browser then saves it."""
    saved = gr.File(visible="hidden")
    controls = answer.controls
    mask = [controls.threshold, answer.refine]
    drawing = [*mask, controls.opacity, controls.colour, controls.outline]
    for button, save, inputs in (
        (answer.save_mask, downloads.save_mask, mask),
        (answer.save_overlay, downloads.save_overlay, drawing),
        (answer.save_result, downloads.save_result, mask),
    ):
        written = button.click(save, [*inputs, session], [saved, question.messages], queue=False, api_name=save.__name__)
        written.then(fn=None, inputs=saved, js=static_text("save.js"))


def _choice(event: gr.EventData) -> Mapping[str, Any]:
    return event._data if isinstance(event._data, dict) else {}
