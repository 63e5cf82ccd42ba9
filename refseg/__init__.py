"""refseg: referring segmentation. An image and an expression in, the mask of the one thing meant out, with the reasons shown.

    from refseg import Predictor, load_image

    predictor = Predictor.load()
    encoded = predictor.encode(load_image("photo.jpg"))
    (answer,) = predictor.segment(encoded, ["the dog on the left"])
    mask = answer.mask()

Importing the package imports no torch; the names below are loaded when they are first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from refseg.version import __version__

if TYPE_CHECKING:
    from refseg import explain
    from refseg.errors import InputError, RefsegError, UnavailableError
    from refseg.images import load_image
    from refseg.inference.predictor import EncodedImage, Predictor
    from refseg.inference.segmentation import Segmentation
    from refseg.inference.video import VideoPredictor
    from refseg.language import Tokenizer, Vocabulary
    from refseg.video.sampling import Sampling

_PARTS = {"explain"}
_WHERE = {
    "EncodedImage": "refseg.inference.predictor",
    "InputError": "refseg.errors",
    "Predictor": "refseg.inference.predictor",
    "RefsegError": "refseg.errors",
    "Sampling": "refseg.video.sampling",
    "Segmentation": "refseg.inference.segmentation",
    "Tokenizer": "refseg.language",
    "UnavailableError": "refseg.errors",
    "VideoPredictor": "refseg.inference.video",
    "Vocabulary": "refseg.language",
    "load_image": "refseg.images",
}

__all__ = [
    "EncodedImage",
    "InputError",
    "Predictor",
    "RefsegError",
    "Sampling",
    "Segmentation",
    "Tokenizer",
    "UnavailableError",
    "VideoPredictor",
    "Vocabulary",
    "__version__",
    "explain",
    "load_image",
]


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return importlib.import_module(f"refseg.{name}")
    if name not in _WHERE:
        raise AttributeError(f"module 'refseg' has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
