"""Where the files lie that come with refseg and are not code of it: the embedded models, the recipes and the examples.

In a checkout they are folders beside the package (`checkpoints/`, `recipes/`, `assets/examples/`); `setup.py` puts
the same folders inside the package when it is built, because an installed package has no place beside it. Files that
belong to one module (`ui/static/` ...) stay in the package and are not found here.
"""

from importlib.resources import files
from pathlib import Path

CHECKPOINTS, RECIPES, EXAMPLES = "checkpoints", "recipes", "assets/examples"


def resource_folder(name: str) -> Path:
    """The folder CHECKPOINTS, RECIPES or EXAMPLES on this machine. It may be missing: only its reader knows whether
    it is needed.
    """
    package = Path(str(files("refseg")))
    inside = package / name
    # Inside first: beside an installed package are the packages of others, which may have a folder of that name.
    return inside if inside.is_dir() else package.parent / name
