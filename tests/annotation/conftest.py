"""A few pictures on the disk."""

from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Three pictures of 40 x 60, two of the same name in different folders."""
    paths = [tmp_path / "a" / "dog.png", tmp_path / "b" / "dog.png", tmp_path / "a" / "häuser & co.jpg"]
    for number, path in enumerate(paths):
        path.parent.mkdir(exist_ok=True)
        _, data = cv2.imencode(path.suffix, np.full((40, 60, 3), 50 * number, np.uint8))
        path.write_bytes(data.tobytes())
    return paths
