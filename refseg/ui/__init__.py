"""The web page: `build_demo(predictor).launch(**launch_options())`."""

from refseg.ui.demo import build_demo
from refseg.ui.page_model import load_page_model
from refseg.ui.runner import Compute
from refseg.ui.shelf import Shelf
from refseg.ui.theme import launch_options

__all__ = ["Compute", "Shelf", "build_demo", "launch_options", "load_page_model"]
