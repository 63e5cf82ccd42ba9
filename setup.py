"""Puts `checkpoints/`, which stands beside the package in a checkout, inside it in a wheel; everything else is in pyproject.toml."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["refseg", "refseg.*"]), "refseg.checkpoints"],
    package_dir={"refseg.checkpoints": "checkpoints"},
    package_data={
        "refseg.checkpoints": ["config.json", "model.safetensors", "vocabulary.txt", "README.md"],
        "refseg.explain": ["static/*"],
        "refseg.ui": ["static/*", "static/*/*"],
    },
)
