"""The image tab: its widgets and which of them calls what. What then happens is in `image_page`."""

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from refseg.rendering import DEFAULT_COLOUR
from refseg.ui.downloads import save_mask, save_overlay, save_result
from refseg.ui.examples import Example, examples_html
from refseg.ui.image_page import EMPTY, ImagePage, Picture
from refseg.ui.runner import Runner
from refseg.ui.session import TIME_TO_LIVE, Session, close_session
from refseg.ui.theme import static_text

OPACITY = 0.5
NETWORK = {"concurrency_id": "network", "concurrency_limit": 1, "show_progress": "minimal"}

RESULT = """
<div class="rs-result" data-state="empty">
  <div class="rs-stage"><img class="rs-picture" alt=""><canvas class="rs-overlay" width="1" height="1"></canvas></div>
  <p class="rs-line"><span><strong class="rs-area">0 %</strong> of the picture</span><span class="rs-readout"></span></p>
  <p class="rs-empty">What you name lights up here.</p>
</div>
"""


def build_image_tab(runner: Runner, examples: Sequence[Example], refinement: str | None) -> None:
    """Adds the tab's contents to the Blocks being built.

    refinement: why edges cannot be refined here, or None when they can.
    """
    page = ImagePage(runner, examples)
    session = gr.State(None, time_to_live=TIME_TO_LIVE, delete_callback=close_session)
    start = {"threshold": runner.predictor.threshold, "opacity": OPACITY, "colour": DEFAULT_COLOUR, "outline": True}

    with gr.Row(elem_classes="rs-columns"):
        with gr.Column(scale=5, min_width=320, elem_classes="rs-ask"):
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
                    label="What to find",
                    placeholder="the dog on the left",
                    lines=1,
                    max_lines=1,
                    scale=4,
                    min_width=180,
                    elem_id="rs-expression",
                    autofocus=False,
                )
                find = gr.Button("Find", variant="primary", scale=1, min_width=88, elem_id="rs-find")
            messages = gr.HTML("", js_on_load=static_text("choices.js"), elem_id="rs-messages", elem_classes="rs-messages")
            gallery = gr.HTML(examples_html(examples), js_on_load=static_text("choices.js"), elem_id="rs-gallery", elem_classes="rs-gallery")
        with gr.Column(scale=7, min_width=320, elem_classes="rs-answer"):
            result = gr.HTML(
                {**EMPTY, "settings": start}, html_template=RESULT, js_on_load=static_text("result.js"), elem_id="rs-result", container=False
            )
            with gr.Group(elem_classes="rs-controls"):
                with gr.Row():
                    threshold = gr.Slider(0.02, 0.98, start["threshold"], step=0.01, label="Threshold", min_width=240, elem_id="rs-threshold")
                    opacity = gr.Slider(0, 1, OPACITY, step=0.05, label="Opacity", min_width=240, elem_id="rs-opacity")
                with gr.Row(elem_classes="rs-switches"):
                    colour = gr.ColorPicker(DEFAULT_COLOUR, label="Colour", elem_id="rs-colour", min_width=90, scale=0)
                    outline = gr.Checkbox(True, label="Outline", elem_id="rs-outline", min_width=110, scale=1)
                    refine = gr.Checkbox(
                        False,
                        label="Refine edges",
                        info=refinement or "DenseCRF, at the picture's own size",
                        interactive=refinement is None,
                        elem_id="rs-refine",
                        min_width=200,
                        scale=3,
                    )
            facts = gr.HTML("", elem_id="rs-facts")
            with gr.Row(elem_classes="rs-saves"):
                saves = {
                    "save_mask": (gr.Button("Mask PNG", size="sm", min_width=100, elem_id="rs-save-mask"), save_mask),
                    "save_overlay": (gr.Button("Overlay PNG", size="sm", min_width=100, elem_id="rs-save-overlay"), save_overlay),
                    "save_result": (gr.Button("result.json", size="sm", min_width=100, elem_id="rs-save-result"), save_result),
                }
            with gr.Accordion("Why this mask", open=False, elem_id="rs-why"):
                attention = gr.HTML('<p class="rs-hint">Find something first: then this shows which words and places counted.</p>')
                maps = gr.HTML("")
    saved = gr.File(visible="hidden")

    def open_picture(value: Picture) -> tuple[Any, ...]:
        opened = page.open_picture(value)
        return None if opened.session is None else gr.skip(), *opened

    def follow_threshold(value: float, on: bool, current: Session | None) -> Any:
        return page.refine(value, on, current) if on else gr.skip()

    def choose_word(text: str, event: gr.EventData) -> str:
        return page.choose_word(text, _choice(event))

    def choose_example(event: gr.EventData) -> Any:
        return page.choose_example(_choice(event))

    shown = [result, messages, facts, attention, maps, session]
    question = {"fn": page.segment, "inputs": [picture, expression, threshold, refine, session], "outputs": shown, "preprocess": False, **NETWORK}
    arrival = {"fn": open_picture, "inputs": picture, "outputs": [picture, *shown], "preprocess": False, **NETWORK}

    gr.on([picture.upload, picture.input], **arrival, api_name="open_picture")
    gr.on([find.click, expression.submit], **question, api_name="segment")
    messages.click(choose_word, expression, expression, queue=False, api_visibility="private").then(**question, api_visibility="private")
    gallery.click(choose_example, None, [picture, expression], queue=False, api_visibility="private").then(**question, api_visibility="private")

    live = [threshold, opacity, colour, outline]
    gr.on([threshold.change, opacity.change, colour.change, outline.change], fn=None, inputs=live, js=static_text("settings.js"))
    edges = {"inputs": [threshold, refine, session], "outputs": result, "show_progress": "minimal", "concurrency_limit": 2}
    refine.change(page.refine, **edges, api_name="refine")
    threshold.release(follow_threshold, **edges, api_visibility="private")
    for name, (button, save) in saves.items():
        button.click(save, [threshold, refine, opacity, colour, outline, session], [saved, messages], queue=False, api_name=name).then(
            fn=None, inputs=saved, js=static_text("save.js")
        )


def _choice(event: gr.EventData) -> Mapping[str, Any]:
    return event._data if isinstance(event._data, dict) else {}
