"""The page, as a Hugging Face Space runs it: `python app.py`."""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
try:  # before torch, where a Space installs it
    import spaces
except ImportError:
    spaces = None

from refseg import Predictor
from refseg.ui import build_demo, launch_options

predictor = Predictor.load()


def compute(image, expressions):
    """Where the GPU is lent per call this runs in a process of its own: numpy in, numpy out."""
    return predictor.segment(predictor.encode(image), expressions)


lent = spaces is not None and os.environ.get("SPACES_ZERO_GPU")
demo = build_demo(predictor, compute=spaces.GPU(duration=30)(compute) if lent else None)

if __name__ == "__main__":
    demo.launch(**launch_options())
