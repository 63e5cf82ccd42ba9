"""The annotation tab: one widget, whose script sends requests to `EditorRequests.edit`."""

from typing import Any

import gradio as gr

from refseg.annotation.records import MAX_TEXT, STATES
from refseg.inference import crf
from refseg.rendering import DEFAULT_COLOUR
from refseg.ui.annotate.files import export_formats, import_formats
from refseg.ui.annotate.requests import EditorRequests
from refseg.ui.assets import load_module, static_text
from refseg.ui.model_runner import ModelRunner
from refseg.ui.overlay_controls import THRESHOLD_RANGE
from refseg.ui.project_directory import ProjectDirectory

MAX_CATEGORY = 100
BRUSH_RANGE = (1, 120)  # radius in CSS pixels
ZOOM_RANGE = (0.02, 24)  # screen pixels per view pixel


def editor_constants() -> dict[str, Any]:
    """What the script has to know; see static/annotate/."""
    return {
        "states": list(STATES),
        "max_text_length": MAX_TEXT,
        "max_category_length": MAX_CATEGORY,
        "default_color": DEFAULT_COLOUR,
        "active_opacity": 0.45,
        "inactive_opacity": 0.225,
        "threshold_range": THRESHOLD_RANGE,
        "brush_range": BRUSH_RANGE,
        "zoom_range": ZOOM_RANGE,
        "can_snap_to_edges": crf.available(),
        "export_formats": export_formats(),
        "import_formats": import_formats(),
    }


def build_annotate_tab(runner: ModelRunner, projects: ProjectDirectory) -> None:
    """Adds the tab's contents to the Blocks being built."""
    requests = EditorRequests(runner, projects)

    def edit(request: Any) -> Any:
        return requests.edit(request)

    gr.HTML(
        "",
        html_template=static_text("annotate/editor.html"),
        js_on_load=load_module("annotate/editor.js", **editor_constants()),
        server_functions=[edit],
        elem_id="rs-editor-widget",
        container=False,
    )
