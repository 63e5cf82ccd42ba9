"""The part "Why this mask" of the image tab: one widget, whose script sends requests to `WhyEvents.why`."""

from typing import Any

import gradio as gr

from refseg.image_encoding import legend_gradient
from refseg.ui.assets import load_module, static_text
from refseg.ui.why.events import EMPTY, WhyEvents
from refseg.ui.why.maps import comparison_classes

COLOR_WORDS = ["red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "gray", "grey"]
OPPOSITE_SIDES = {"left": "right", "right": "left", "leftmost": "rightmost", "rightmost": "leftmost"}


def build_why(events: WhyEvents) -> gr.HTML:
    """Adds the widget. It triggers "select" with {"number": n} when a candidate is chosen, 0 for all."""

    def why(request: Any) -> Any:
        return events.why(request)

    constants = {
        "comparison_classes": comparison_classes(),
        "color_words": COLOR_WORDS,
        "opposite_sides": OPPOSITE_SIDES,
    }
    return gr.HTML(
        EMPTY,
        html_template=static_text("why/why_panel.html").replace("LEGEND", legend_gradient()),
        js_on_load=load_module("why/why_panel.js", **constants),
        server_functions=[why],
        elem_id="rs-why-widget",
        container=False,
    )
