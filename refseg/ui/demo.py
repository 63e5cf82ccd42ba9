"""The whole page."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import gradio as gr

from refseg.inference.crf import why_unavailable
from refseg.ui.examples import Example, find_examples
from refseg.ui.image_tab import build_image_tab
from refseg.ui.runner import Compute, Runner

if TYPE_CHECKING:
    from refseg.inference.predictor import Predictor

CLAIM = "Say what you mean in a picture, and get its mask."
CACHE_CHECK, CACHE_AGE = 600, 3600  # seconds: how often uploads are looked through, and how old they may grow


def build_demo(predictor: "Predictor", *, compute: Compute | None = None, examples: Sequence[Example] | None = None) -> gr.Blocks:
    """The page around one predictor, not launched; launch it with `launch_options()`.

    compute: runs the network in place of the predictor where a GPU is lent per call (see `Runner`).  examples: those of `find_examples` when None.
    """
    runner = Runner(predictor, compute)
    chosen = find_examples() if examples is None else examples
    demo = gr.Blocks(title="refseg: say it, see it", analytics_enabled=False, delete_cache=(CACHE_CHECK, CACHE_AGE))
    with demo:
        gr.HTML(_header(predictor.name, runner.place), elem_id="rs-header")
        build_image_tab(runner, chosen, unavailable=why_unavailable())
    demo.queue(default_concurrency_limit=1, max_size=64)
    return demo


def _header(model: str, place: str) -> str:
    return (
        '<header class="rs-header"><div><h1>refseg</h1>'
        f'<p>{CLAIM}</p></div><p class="rs-model"><span>{escape(model)}</span><span>{escape(place)}</span></p></header>'
    )
