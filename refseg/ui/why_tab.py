"""The part "Why this mask" of the picture tab: one widget, whose script asks `WhyPage.why` for what is looked at."""

from typing import Any

import gradio as gr

from refseg.image_encoding import legend_gradient
from refseg.ui.theme import script, static_text
from refseg.ui.why_page import EMPTY, WhyPage


def build_why(page: WhyPage) -> gr.HTML:
    """Adds the widget; it triggers "select" with {"number": n} when one of several pieces of the mask is chosen, 0 for all."""

    def why(request: Any) -> Any:
        return page.why(request)

    return gr.HTML(
        EMPTY,
        html_template=static_text("why.html").replace("LEGEND", legend_gradient()),
        js_on_load=script("paint.js", "files.js", "elements.js", "why.js"),
        server_functions=[why],
        elem_id="rs-why-widget",
        container=False,
    )
