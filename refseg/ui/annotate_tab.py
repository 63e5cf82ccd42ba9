"""The annotation tab: one widget, whose script asks `AnnotatePage.desk` for all it does."""

from typing import Any

import gradio as gr

from refseg.ui.annotate_page import AnnotatePage
from refseg.ui.runner import Runner
from refseg.ui.shelf import Shelf
from refseg.ui.theme import script, static_text

SCRIPTS = (
    "paint.js",
    "files.js",
    "elements.js",
    *(f"annotate/{name}.js" for name in ("talk", "board", "zoom", "things", "queue", "keys", "desk")),
)


def build_annotate_tab(runner: Runner, shelf: Shelf) -> None:
    """Adds the tab's contents to the Blocks being built."""
    page = AnnotatePage(runner, shelf)

    def desk(request: Any) -> Any:
        return page.desk(request)

    gr.HTML(
        "",
        html_template=static_text("annotate/desk.html"),
        js_on_load=script(*SCRIPTS),
        server_functions=[desk],
        elem_id="rs-desk",
        container=False,
    )
