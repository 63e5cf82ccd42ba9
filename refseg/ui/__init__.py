"""The web page: `build_demo(predictor).launch(**launch_options())`."""

from refseg.ui.demo import build_demo, mount_demo
from refseg.ui.model_runner import Compute, ComputeVideo
from refseg.ui.page_model import load_page_model, load_page_models
from refseg.ui.project_directory import ProjectDirectory
from refseg.ui.theme import launch_options

__all__ = [
    "Compute",
    "ComputeVideo",
    "ProjectDirectory",
    "build_demo",
    "launch_options",
    "load_page_model",
    "load_page_models",
    "mount_demo",
]
