"""The page, as a Hugging Face Space runs it: `python app.py`."""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
try:  # before torch, where a Space installs it
    import spaces
except ImportError:
    spaces = None

from refseg import Predictor
from refseg.ui import Compute, build_demo, launch_options

predictor = Predictor.load()
compute: Compute | None = None

if spaces is not None and os.environ.get("SPACES_ZERO_GPU"):

    @spaces.GPU(duration=30)  # type: ignore[untyped-decorator]
    def compute(image, expressions):  # type: ignore[no-untyped-def,no-redef]
        """Runs in a process that owns the GPU for one call: numpy in, numpy out."""
        return predictor.segment(predictor.encode(image), expressions)


demo = build_demo(predictor, compute=compute)

if __name__ == "__main__":
    demo.launch(**launch_options())
