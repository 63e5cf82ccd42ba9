"""How a mask is drawn over its picture: the controls, and their wire to the widget that draws it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from refseg.rendering import DEFAULT_COLOUR
from refseg.ui.theme import MASK_COLOURS, static_text

OPACITY = 0.5


@dataclass(frozen=True)
class OverlayControls:
    """What a person can change about the drawing."""

    threshold: gr.Slider
    opacity: gr.Slider
    colour: gr.Radio
    outline: gr.Checkbox

    @property
    def inputs(self) -> list[Any]:
        """All of them, for a callback that takes (threshold 0..1, opacity 0..1, colour "#rrggbb", outline)."""
        return [self.threshold, self.opacity, self.colour, self.outline]

    def connect(self, widget: str) -> None:
        """What the CSS selector `widget` finds hears of every change by an event "settings", in the browser alone."""
        moved = [self.threshold.change, self.opacity.change, self.colour.change, self.outline.change]
        gr.on(moved, fn=None, inputs=self.inputs, js=f"({static_text('settings.js')})({json.dumps(widget)})")


def build_overlay_controls(prefix: str, threshold: float, beside: Sequence[gr.Checkbox] = ()) -> OverlayControls:
    """Adds the controls to the Blocks being built.

    prefix: of their element ids, PREFIX-threshold and so on.  threshold: to start with.  beside: more switches for their row, not rendered yet.
    """
    with gr.Group(elem_classes="rs-controls"):
        with gr.Row():
            cut = gr.Slider(0.02, 0.98, threshold, step=0.01, label="Threshold", min_width=240, elem_id=f"{prefix}-threshold")
            opacity = opacity_slider(prefix)
        with gr.Row(elem_classes="rs-switches"):
            colour = colour_choice(prefix)
            outline = outline_switch(prefix)
            for switch in beside:
                switch.render()  # type: ignore[no-untyped-call]  # Gradio leaves it untyped
    return OverlayControls(cut, opacity, colour, outline)


def opacity_slider(prefix: str) -> gr.Slider:
    """How much of the picture the mask covers."""
    return gr.Slider(0, 1, OPACITY, step=0.05, label="Opacity", min_width=240, elem_id=f"{prefix}-opacity")


def colour_choice(prefix: str) -> gr.Radio:
    """The mask's colour, in swatches."""
    return gr.Radio(
        MASK_COLOURS, value=DEFAULT_COLOUR, label="Colour", min_width=180, scale=2, elem_id=f"{prefix}-colour", elem_classes="rs-swatches"
    )


def outline_switch(prefix: str) -> gr.Checkbox:
    """Whether the mask's edge is drawn."""
    return gr.Checkbox(True, label="Outline", min_width=100, scale=1, elem_id=f"{prefix}-outline")


def first_settings(threshold: float) -> dict[str, Any]:
    """What the controls show at first, for the first value of the widget that follows them."""
    return {"threshold": threshold, "opacity": OPACITY, "colour": DEFAULT_COLOUR, "outline": True}
