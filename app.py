"""The page, as a Hugging Face Space runs it: `python app.py`."""

import os
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
try:  # before torch, where a Space installs it
    import spaces
except ImportError:
    spaces = None

from refseg.inference.video import VideoPredictor
from refseg.ui import Shelf, build_demo, launch_options, load_page_model

predictor, notice = load_page_model(os.environ.get("REFSEG_MODEL"))


def compute(image, expressions):
    """Where the GPU is lent per call this runs in a process of its own: numpy in, numpy out."""
    return predictor.segment(predictor.encode(image), expressions)


def compute_clip(clip, expression):
    """The same for a clip, one answer a frame."""
    yield from VideoPredictor(predictor).run(clip, expression)


lent = spaces is not None and os.environ.get("SPACES_ZERO_GPU")
borrowed = {"compute": spaces.GPU(duration=30)(compute), "compute_clip": spaces.GPU(duration=120)(compute_clip)} if lent else {}
hosted = "SPACE_ID" in os.environ  # a public Space: visitors must not see each other's projects
root = os.environ.get("REFSEG_PROJECTS") or ("/tmp/refseg-projects" if hosted else Path.home() / "refseg-projects")  # noqa: S108
demo = build_demo(predictor, notice=notice, shelf=Shelf(Path(root), listed=not hosted), **borrowed)

if __name__ == "__main__":
    demo.launch(**launch_options())
