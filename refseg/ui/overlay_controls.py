"""The controls of a mask overlay, and their connection to the widget that draws it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from refseg.rendering import DEFAULT_COLOUR
from refseg.ui.assets import call_module
from refseg.ui.theme import MASK_COLORS

OPACITY = 0.5
THRESHOLD_RANGE = (0.02, 0.98)


@dataclass(frozen=True)
class OverlayControls:
    """The controls."""

    threshold: gr.Slider
    opacity: gr.Slider
    color: gr.Radio
    outline: gr.Checkbox

    @property
    def inputs(self) -> list[Any]:
        """Inputs of a callback with (threshold 0..1, opacity 0..1, color "#rrggbb", outline)."""
        return [self.threshold, self.opacity, self.color, self.outline]

    def connect(self, selector: str) -> None:
        """Sends every change to the widget that the CSS selector finds, as an event "settings" in the browser."""
        changes = [self.threshold.change, self.opacity.change, self.color.change, self.outline.change]
        script = call_module("shared/overlay_settings.js", "sendSettings", selector)
        gr.on(changes, fn=None, inputs=self.inputs, js=script)


def build_overlay_controls(prefix: str, threshold: float, extra: Sequence[gr.Checkbox] = ()) -> OverlayControls:
    """Adds the controls to the Blocks being built.

    prefix: of their element ids, PREFIX-threshold and so on.  threshold: initial value.  extra: more switches for their
    row, not rendered yet.
    """
    with gr.Group(elem_classes="rs-controls"):
        with gr.Row():
            threshold_slider = gr.Slider(
                *THRESHOLD_RANGE, threshold, step=0.01, label="Threshold", min_width=240, elem_id=f"{prefix}-threshold"
            )
            opacity = gr.Slider(0, 1, OPACITY, step=0.05, label="Opacity", min_width=240, elem_id=f"{prefix}-opacity")
        with gr.Row(elem_classes="rs-switches"):
            color = gr.Radio(
                MASK_COLORS,
                value=DEFAULT_COLOUR,
                label="Color",
                min_width=180,
                scale=2,
                elem_id=f"{prefix}-color",
                elem_classes="rs-swatches",
            )
            outline = gr.Checkbox(True, label="Outline", min_width=100, scale=1, elem_id=f"{prefix}-outline")
            for switch in extra:
                switch.render()  # type: ignore[no-untyped-call]  # untyped in Gradio
    return OverlayControls(threshold_slider, opacity, color, outline)


def initial_settings(threshold: float) -> dict[str, Any]:
    """The initial values of the controls, for the first value of the widget."""
    return {"threshold": threshold, "opacity": OPACITY, "color": DEFAULT_COLOUR, "outline": True}
