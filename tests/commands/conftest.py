"""An image file, and the command `segment` with the tiny model."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from refseg.cli import main
from refseg.images import save_png
from tests.commands.console import Segment


@pytest.fixture
def image_path(tmp_path: Path, sample_image: NDArray[np.uint8]) -> Path:
    path = tmp_path / "photo.png"
    save_png(path, sample_image)
    return path


@pytest.fixture
def segment(tiny_checkpoint: Path, tmp_path: Path) -> Segment:
    """Run `segment` with the tiny model; results go to `output`."""

    def run(image: Path, *arguments: str, output: Path = tmp_path / "out") -> int:
        model = ["--model", str(tiny_checkpoint), "--device", "cpu", "--precision", "float32"]
        return main(["segment", "--image", str(image), "--output", str(output), *model, *arguments])

    return run
