"""Start the page: `python app.py`, as a Hugging Face Space does."""

import os
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
try:  # must come before torch; installed on Spaces only
    import spaces
except ImportError:
    spaces = None

from refseg.inference.video import VideoPredictor
from refseg.ui import ProjectDirectory, build_demo, launch_options, load_page_models

models, notice = load_page_models(os.environ.get("REFSEG_MODEL"))


def compute(image, expressions):
    """Segment an image in the process that gets the GPU for this call. Arguments and results are numpy."""
    predictor = models.get()
    return predictor.segment(predictor.encode(image), expressions)


def compute_video(clip, expression):
    """Segment a video in the same way; yields one result per frame."""
    yield from VideoPredictor(models.get()).run(clip, expression)


is_gpu_lent = spaces is not None and os.environ.get("SPACES_ZERO_GPU")
gpu_calls = (
    {"compute": spaces.GPU(duration=30)(compute), "compute_video": spaces.GPU(duration=120)(compute_video)}
    if is_gpu_lent
    else {}
)
is_public = "SPACE_ID" in os.environ  # on a public Space, visitors must not see the projects of others
root = os.environ.get("REFSEG_PROJECTS") or ("/tmp/refseg-projects" if is_public else Path.home() / "refseg-projects")  # noqa: S108
demo = build_demo(models, notice=notice, projects=ProjectDirectory(Path(root), listed=not is_public), **gpu_calls)

if __name__ == "__main__":
    demo.launch(**launch_options())
