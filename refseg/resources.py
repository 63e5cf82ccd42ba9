"""Folders of the embedded models, the recipes and the examples.

In a checkout they are beside the package (`checkpoints/`, `recipes/`, `assets/examples/`). `setup.py` copies them into
the package when it is built, because only the package itself is installed.
"""

from importlib.resources import files
from pathlib import Path

CHECKPOINTS, RECIPES, EXAMPLES = "checkpoints", "recipes", "assets/examples"


def resource_folder(name: str) -> Path:
    """Return the path of the folder CHECKPOINTS, RECIPES or EXAMPLES. Callers check whether it exists."""
    package = Path(str(files("refseg")))
    inside = package / name
    # The package comes first: an installed package is beside other packages, which can have the same name.
    return inside if inside.is_dir() else package.parent / name
