"""The image tab: its widgets, and which callback of `ImageEvents` each event calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from refseg.ui.assets import call_module, load_module, static_text
from refseg.ui.examples import Example, examples_html
from refseg.ui.image.downloads import ImageDownloads
from refseg.ui.image.events import EMPTY, ImageEvents, UploadedImage
from refseg.ui.model_runner import ModelRunner
from refseg.ui.overlay_controls import OverlayControls, build_overlay_controls, initial_settings
from refseg.ui.session import SESSION_SECONDS, ImageSession, close_session
from refseg.ui.why.events import WhyEvents
from refseg.ui.why.tab import build_why


@dataclass(frozen=True)
class Inputs:
    """The left column: the image and the expression."""

    image: gr.Image
    expression: gr.Textbox
    segment: gr.Button
    messages: gr.HTML
    gallery: gr.HTML


@dataclass(frozen=True)
class Outputs:
    """The right column: the mask and its downloads."""

    result: gr.HTML
    controls: OverlayControls
    refine: gr.Checkbox
    facts: gr.HTML
    save_mask: gr.Button
    save_overlay: gr.Button
    save_result: gr.Button


def build_image_tab(
    runner: ModelRunner, examples: Sequence[Example], refinement_problem: str | None, model: gr.Dropdown | None = None
) -> None:
    """Adds the tab's contents to the Blocks being built.

    refinement_problem: why edges cannot be refined on this machine, None if they can.  model: the choice of a model.
    """
    why = WhyEvents(runner)
    with gr.Column(elem_classes="rs-image-tab"):
        with gr.Row(elem_classes="rs-columns"):
            with gr.Column(scale=5, min_width=320, elem_classes="rs-inputs"):
                inputs = _build_inputs(examples)
            with gr.Column(scale=7, min_width=320, elem_classes="rs-outputs"):
                outputs = _build_outputs(runner.predictor.threshold, refinement_problem)
        with gr.Accordion("Why this mask", open=False, elem_id="rs-why"):
            why_widget = build_why(why)
    session = gr.State(None, time_to_live=SESSION_SECONDS, delete_callback=close_session)
    events = ImageEvents(runner, why, examples)
    _connect_model(events, inputs, outputs, why_widget, session, [] if model is None else [model])
    _connect_controls(events, outputs, why_widget, session)
    _connect_downloads(ImageDownloads(runner.predictor.name), inputs, outputs, session)


def _build_inputs(examples: Sequence[Example]) -> Inputs:
    image = gr.Image(
        type="filepath",
        image_mode=None,
        sources=["upload", "clipboard", "webcam"],
        label="Image",
        show_label=False,
        buttons=[],
        format="png",
        height=340,
        elem_id="rs-image-input",
        placeholder="# Drop an image here\nor click to choose one",
    )
    with gr.Row(elem_classes="rs-prompt"):
        expression = gr.Textbox(
            label="Expression",
            placeholder="the dog on the left",
            max_lines=1,
            scale=4,
            min_width=180,
            elem_id="rs-expression",
        )
        segment = gr.Button("Segment", variant="primary", scale=1, min_width=96, elem_id="rs-segment")
    script = load_module("shared/choices.js")
    messages = gr.HTML("", js_on_load=script, elem_id="rs-messages")
    gallery = gr.HTML(examples_html(examples), js_on_load=script, elem_id="rs-gallery", elem_classes="rs-gallery")
    return Inputs(image, expression, segment, messages, gallery)


def _build_outputs(threshold: float, refinement_problem: str | None) -> Outputs:
    result = gr.HTML(
        {**EMPTY, "settings": initial_settings(threshold)},
        html_template=static_text("image/result.html"),
        js_on_load=load_module("image/result.js"),
        elem_id="rs-result",
        container=False,
    )
    refine = gr.Checkbox(
        False,
        label="Refine edges",
        info=refinement_problem or "follow the edges in the image (DenseCRF)",
        interactive=refinement_problem is None,
        min_width=200,
        scale=2,
        elem_id="rs-refine",
        render=False,
    )
    controls = build_overlay_controls("rs", threshold, extra=[refine])
    facts = gr.HTML("", elem_id="rs-facts")
    with gr.Row(elem_classes="rs-downloads"):
        mask, overlay, record = (
            gr.Button(text, size="sm", min_width=100, elem_id=f"rs-save-{name}")
            for name, text in (("mask", "Mask PNG"), ("overlay", "Overlay PNG"), ("result", "result.json"))
        )
    return Outputs(result, controls, refine, facts, mask, overlay, record)


def _connect_model(
    events: ImageEvents,
    inputs: Inputs,
    outputs: Outputs,
    why_widget: gr.HTML,
    session: gr.State,
    choice: list[gr.Dropdown],
) -> None:
    """Events that may run the model: one at a time for all visitors.

    Uploads arrive as files (`preprocess=False`), which `load_image` decodes.  choice: of a model, none if there is one.
    """
    shown = [outputs.result, inputs.messages, outputs.facts, why_widget, session]
    model: dict[str, Any] = {
        "concurrency_id": "network",
        "concurrency_limit": 1,
        "preprocess": False,
        "show_progress": "minimal",
    }
    segment: dict[str, Any] = {
        "fn": events.segment,
        "inputs": [inputs.image, inputs.expression, outputs.controls.threshold, outputs.refine, session, *choice],
        "outputs": shown,
        **model,
    }
    local: dict[str, Any] = {"queue": False, "api_visibility": "private"}

    def open_image(upload: UploadedImage, current: ImageSession | None, name: str | None = None) -> Any:
        opened = events.open_image(upload, current, name)
        if opened is None:
            return gr.skip()
        return None if opened.session is None else gr.skip(), *opened

    def choose_word(text: str, event: gr.EventData) -> str:
        return events.choose_word(text, _choice(event))

    def choose_example(event: gr.EventData) -> Any:
        return events.choose_example(_choice(event))

    image, expression = inputs.image, inputs.expression
    image.change(open_image, [image, session, *choice], [image, *shown], api_name="open_picture", **model)
    gr.on([inputs.segment.click, expression.submit], api_name="segment", **segment)
    inputs.messages.click(choose_word, expression, expression, **local).then(api_visibility="private", **segment)
    inputs.gallery.click(choose_example, None, [image, expression], **local).then(api_visibility="private", **segment)


def _connect_controls(events: ImageEvents, outputs: Outputs, why_widget: gr.HTML, session: gr.State) -> None:
    """The browser draws the overlay. The server only refines edges, when the threshold is released."""
    threshold, refine = outputs.controls.threshold, outputs.refine
    outputs.controls.connect("#rs-result .rs-result")

    def refine_at_threshold(threshold: float, refine: bool, current: ImageSession | None) -> Any:
        return events.refine(threshold, refine, current) if refine else gr.skip()

    def choose_candidate(threshold: float, refine: bool, current: ImageSession | None, event: gr.EventData) -> Any:
        return events.choose_candidate(_choice(event), threshold, refine, current)

    why_widget.select(
        choose_candidate,
        [threshold, refine, session],
        [outputs.result, session],
        api_visibility="private",
        show_progress="hidden",
    )
    edges: dict[str, Any] = {
        "inputs": [threshold, refine, session],
        "outputs": outputs.result,
        "show_progress": "minimal",
    }
    refine.change(events.refine, api_name="refine", **edges)
    # While edges are being refined, only the last of several new thresholds counts.
    threshold.release(refine_at_threshold, api_visibility="private", trigger_mode="always_last", **edges)


def _connect_downloads(downloads: ImageDownloads, inputs: Inputs, outputs: Outputs, session: gr.State) -> None:
    """A click writes the file on the server, and the browser then downloads it."""
    saved = gr.File(visible="hidden")
    controls = outputs.controls
    mask = [controls.threshold, outputs.refine]
    drawing = [*mask, controls.opacity, controls.color, controls.outline]
    for button, save, arguments in (
        (outputs.save_mask, downloads.save_mask, mask),
        (outputs.save_overlay, downloads.save_overlay, drawing),
        (outputs.save_result, downloads.save_result, mask),
    ):
        written = button.click(
            save, [*arguments, session], [saved, inputs.messages], queue=False, api_name=save.__name__
        )
        written.then(fn=None, inputs=saved, js=call_module("shared/files.js", "downloadGradioFile"))


def _choice(event: gr.EventData) -> Mapping[str, Any]:
    """Data attributes of the clicked button."""
    return event._data if isinstance(event._data, dict) else {}
