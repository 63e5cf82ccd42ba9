"""The whole page."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import gradio as gr

from refseg.inference.crf import why_unavailable
from refseg.ui.annotate_tab import build_annotate_tab
from refseg.ui.examples import Example, find_clips, find_examples
from refseg.ui.image_tab import build_image_tab
from refseg.ui.messages import Message, messages_html
from refseg.ui.runner import Compute, ComputeClip, Runner
from refseg.ui.shelf import Shelf
from refseg.ui.video_tab import build_video_tab

if TYPE_CHECKING:
    from refseg.inference.predictor import Predictor

CLAIM = "Say what you mean in a picture or a clip, and get its mask."
CACHE_CHECK, CACHE_AGE = 600, 3600  # seconds: how often uploads are looked through, and how old they may grow


def build_demo(
    predictor: "Predictor",
    *,
    compute: Compute | None = None,
    compute_clip: ComputeClip | None = None,
    examples: Sequence[Example] | None = None,
    clips: Sequence[Example] | None = None,
    shelf: Shelf | None = None,
    notice: str | None = None,
) -> gr.Blocks:
    """The page around one predictor, not launched; launch it with `launch_options()`.

    compute, compute_clip: run the network in place of the predictor where a GPU is lent per call (see `Runner`).
    examples, clips: those of `find_examples` and `find_clips` when None.  shelf: where annotation projects are kept; with None there is no such tab.
    notice: what every visitor must know about the model, shown above the tabs.
    """
    runner = Runner(predictor, compute, compute_clip)
    chosen = find_examples() if examples is None else examples
    demo = gr.Blocks(title="refseg: say it, see it", analytics_enabled=False, delete_cache=(CACHE_CHECK, CACHE_AGE))
    with demo:
        gr.HTML(_header(predictor.name, runner.place), elem_id="rs-header")
        if notice is not None:
            gr.HTML(messages_html([Message(notice, "warning")]), elem_id="rs-notice")
        with gr.Tabs(elem_id="rs-tabs"):
            with gr.Tab("Picture", id="picture"):
                build_image_tab(runner, chosen, unavailable=why_unavailable())
            with gr.Tab("Video", id="video"):
                build_video_tab(runner, find_clips() if clips is None else clips, shelf)
            if shelf is not None:
                with gr.Tab("Annotate", id="annotate"):
                    build_annotate_tab(runner, shelf)
    demo.queue(default_concurrency_limit=1, max_size=64)
    return demo


def _header(model: str, place: str) -> str:
    return (
        '<header class="rs-header"><div><h1>refseg</h1>'
        f'<p>{CLAIM}</p></div><p class="rs-model"><span>{escape(model)}</span><span>{escape(place)}</span></p></header>'
    )
