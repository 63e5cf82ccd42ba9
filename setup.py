"""Puts `checkpoints/`, `recipes/` and `assets/examples/`, which are beside the package in a checkout, inside it when it
is built; see refseg/resources.py. Everything else is in pyproject.toml.
"""

from setuptools import find_packages, setup

# Folders of files, not of modules: listed as packages because only those can be mapped to another place.
BESIDE = {"refseg.checkpoints": "checkpoints", "refseg.recipes": "recipes", "refseg.assets.examples": "assets/examples"}

setup(
    packages=[*find_packages(include=["refseg", "refseg.*"]), *BESIDE],
    package_dir=BESIDE,
    package_data={
        "refseg": ["py.typed"],
        "refseg.explain": ["static/**/*"],
        "refseg.ui": ["static/**/*"],
        "refseg.checkpoints": [
            "**/config.json",
            "**/model.safetensors",
            "**/vocabulary.txt",
            "**/README.md",
            "**/*.png",
        ],
        "refseg.recipes": ["**/*.py", "README.md", "requirements.txt"],
        "refseg.assets.examples": ["*.jpg", "*.png", "*.mp4"],
    },
    include_package_data=False,  # what is in the package is listed here, not in MANIFEST.in
)
