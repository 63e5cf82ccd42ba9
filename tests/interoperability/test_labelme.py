"""LabelMe's own reader of label files. Of LabelMe only the window needs Qt and a network runtime, which are replaced by
empty modules if they are missing.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest

from tests.interoperability.conftest import Export, objects

pytestmark = pytest.mark.filterwarnings("ignore")
if importlib.util.find_spec("labelme") is None:
    pytest.skip("labelme is not installed", allow_module_level=True)

WINDOW = ("onnxruntime", "PyQt5", "PyQt5.QtCore", "PyQt5.QtGui", "PyQt5.QtWidgets")


@pytest.fixture(scope="module")
def labelme() -> ModuleType:
    missing = [name for name in WINDOW if "." not in name and importlib.util.find_spec(name) is None]
    for name in WINDOW:
        if name.split(".")[0] in missing:
            sys.modules[name] = MagicMock()
    return importlib.import_module("labelme._label_file")


def filled(labelme: ModuleType, shape: dict[str, Any]) -> np.ndarray:
    if shape["shape_type"] == "polygon":
        mask: np.ndarray = sys.modules["labelme.utils"].shape_to_mask((80, 120), shape["points"], "polygon")
        return mask
    seen = np.zeros((80, 120), bool)
    (x1, y1), (x2, y2) = np.asarray(shape["points"]).astype(int)
    seen[y1 : y2 + 1, x1 : x2 + 1] = shape["mask"]
    return seen


@pytest.mark.parametrize("name", ["labelme", "labelme-polygons"])
def test_label_files(name: str, labelme: ModuleType, export: Export) -> None:
    files = sorted(export(name).glob("*.json"))
    assert len(files) == 5
    for file in files:
        data = labelme.read_label_file(str(file))
        assert data.image_data and Path(data.image_path).stem == file.stem
        assert (data.other_data["split"], data.other_data["absent"]) in (
            ("train", [["the elephant"]]),
            ("val", [["the elephant"]]),
        )
        seen: dict[str, np.ndarray] = {}
        for shape in data.shapes:
            assert shape["shape_type"] == ("mask" if name == "labelme" else "polygon")
            first = shape["description"].split("\n")[0]
            seen[first] = seen.get(first, np.zeros((80, 120), bool)) | filled(labelme, shape)
        for number, mask in enumerate(objects()):
            np.testing.assert_array_equal(seen[f"the object {number}"], mask)


def test_all_images_are_plain(labelme: ModuleType, export: Export) -> None:
    """16 bits, CMYK, EXIF and an animation, as LabelMe shows them."""
    import io

    from PIL import Image

    for file in export("labelme").glob("*.json"):
        with Image.open(io.BytesIO(labelme.read_label_file(str(file)).image_data)) as image:
            assert image.mode in ("L", "RGB") and image.size == (120, 80)
