"""The whole page."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import gradio as gr
from fastapi import FastAPI

from refseg.inference.crf import why_unavailable
from refseg.ui.annotate.tab import build_annotate_tab
from refseg.ui.assets import static_routes
from refseg.ui.examples import Example, find_image_examples, find_video_examples
from refseg.ui.image.tab import build_image_tab
from refseg.ui.messages import Message, messages_html
from refseg.ui.model_runner import Compute, ComputeVideo, ModelRunner, Models
from refseg.ui.project_directory import ProjectDirectory
from refseg.ui.theme import page_css, theme
from refseg.ui.video.tab import build_video_tab

TITLE = "refseg: referring segmentation"
TAGLINE = "Type an expression, get the mask of the object that it names, in an image or a video."
CACHE_CHECK_SECONDS, CACHE_AGE_SECONDS = (
    600,
    3600,
)  # how often uploads are checked, and the age at which they are deleted


class Page(gr.Blocks):
    """Blocks that serve the page's scripts from their own app."""

    def launch(self, *args: Any, app_kwargs: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """As `Blocks.launch`."""
        return super().launch(*args, app_kwargs=_with_static_routes(app_kwargs), **options)


def build_demo(
    models: Models,
    *,
    compute: Compute | None = None,
    compute_video: ComputeVideo | None = None,
    image_examples: Sequence[Example] | None = None,
    video_examples: Sequence[Example] | None = None,
    projects: ProjectDirectory | None = None,
    notice: str | None = None,
) -> gr.Blocks:
    """The page around one model or several, not launched. Launch it with `launch_options()`, or mount it with
    `mount_demo`.

    models: a predictor, several by name, or a `ModelLibrary`; users choose among them if there is more than one.
    compute, compute_video: run the model instead of the predictor where a GPU is lent per call (see `ModelRunner`).
    image_examples, video_examples: those of `find_image_examples` and `find_video_examples` when None.
    projects: where annotation projects are stored; without it there is no tab for annotation.
    notice: what every visitor must know about the model, shown above the tabs.
    """
    runner = ModelRunner(models, compute, compute_video)
    images = find_image_examples() if image_examples is None else image_examples
    videos = find_video_examples() if video_examples is None else video_examples
    demo = Page(title=TITLE, analytics_enabled=False, delete_cache=(CACHE_CHECK_SECONDS, CACHE_AGE_SECONDS))
    with demo:
        gr.HTML(_header(runner.predictor.name, runner.device_label), elem_id="rs-header")
        if notice is not None:
            gr.HTML(messages_html([Message(notice, "warning")]), elem_id="rs-notice")
        model = _model_choice(runner)
        with gr.Tabs(elem_id="rs-tabs"):
            with gr.Tab("Image", id="image"):
                build_image_tab(runner, images, refinement_problem=why_unavailable(), model=model)
            with gr.Tab("Video", id="video"):
                build_video_tab(runner, videos, projects, model=model)
            if projects is not None:
                with gr.Tab("Annotate", id="annotate"):
                    build_annotate_tab(runner, projects)
    demo.queue(default_concurrency_limit=1, max_size=64)
    return demo


def mount_demo(app: FastAPI, demo: gr.Blocks, path: str) -> FastAPI:
    """Mounts the page into an app of your own, as `gr.mount_gradio_app` does, with its scripts and its style."""
    mounted: FastAPI = gr.mount_gradio_app(
        app, demo, path, theme=theme(), css=page_css(), app_kwargs=_with_static_routes(None), ssr_mode=False
    )
    return mounted


def _model_choice(runner: ModelRunner) -> gr.Dropdown | None:
    """The choice among several models, for images and videos; None if there is only one."""
    names = list(runner.models.names)
    if len(names) < 2 or runner.is_remote:
        return None
    return gr.Dropdown(names, value=names[0], label="Model", min_width=200, elem_id="rs-model-choice")


def _with_static_routes(app_kwargs: Mapping[str, Any] | None) -> dict[str, Any]:
    options = dict(app_kwargs or {})
    return {**options, "routes": [*static_routes(), *options.get("routes", ())]}


def _header(model: str, device: str) -> str:
    return (
        f'<header class="rs-header"><div><h1>refseg</h1><p>{TAGLINE}</p></div>'
        f'<p class="rs-model"><span>{escape(model)}</span><span>{escape(device)}</span></p></header>'
    )
