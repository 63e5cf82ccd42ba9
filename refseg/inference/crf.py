"""DenseCRF refinement with the published parameters; optional, as it needs a compiled package (pydensecrf2).

Fully connected CRF of Kraehenbuehl and Koltun (2011): a Gaussian and a bilateral pairwise term, mean-field inference.
"""

import importlib
from types import ModuleType

import cv2
import numpy as np
from numpy.typing import NDArray

from refseg.errors import UnavailableError

GAUSSIAN_SXY, GAUSSIAN_COMPAT = 3, 3
BILATERAL_SXY, BILATERAL_SRGB, BILATERAL_COMPAT = 20, 3, 10
ITERATIONS = 5
# Five iterations take about a second a megapixel and 150 bytes a pixel; above this the CRF runs on a reduced picture and its mask is enlarged.
MAX_PIXELS = 4_000_000


def why_unavailable() -> str | None:
    """None where the CRF can be used, else one sentence that says why not and what to do."""
    try:
        _densecrf()
    except UnavailableError as error:
        return str(error)
    return None


def refine_mask(image: NDArray[np.uint8], probability: NDArray[np.float32], threshold: float = 0.5) -> NDArray[np.bool_]:
    """image (H, W, 3) uint8 and probability (H, W) in 0..1 -> bool (H, W).

    The unary term is the probability with its logit moved so that `threshold` lies at 1/2, so a threshold means the same with and without refinement.
    Runs at the picture's own size up to MAX_PIXELS. Raises UnavailableError.
    """
    densecrf = _densecrf()
    height, width = probability.shape
    reduce = (MAX_PIXELS / (height * width)) ** 0.5
    if reduce < 1:
        size = (max(1, round(width * reduce)), max(1, round(height * reduce)))
        reduced = [np.asarray(cv2.resize(array, size, interpolation=cv2.INTER_AREA)) for array in (image, probability)]
        small = refine_mask(reduced[0].astype(np.uint8), reduced[1].astype(np.float32), threshold)
        return np.asarray(cv2.resize(small.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) >= 0.5)
    foreground = _moved(probability, threshold)
    unary = -np.log(np.stack([1 - foreground, foreground]).reshape(2, -1))
    crf = densecrf.DenseCRF2D(width, height, 2)
    crf.setUnaryEnergy(np.ascontiguousarray(unary, dtype=np.float32))
    crf.addPairwiseGaussian(sxy=GAUSSIAN_SXY, compat=GAUSSIAN_COMPAT)
    crf.addPairwiseBilateral(sxy=BILATERAL_SXY, srgb=BILATERAL_SRGB, rgbim=np.array(image, order="C"), compat=BILATERAL_COMPAT)
    labels = np.argmax(np.asarray(crf.inference(ITERATIONS)), axis=0)
    return np.asarray(labels.reshape(height, width) == 1)


def _moved(probability: NDArray[np.float32], threshold: float) -> NDArray[np.float64]:
    """Probability whose odds are divided by those of the threshold, kept away from 0 and 1."""
    edge = 1e-6
    p = np.clip(probability.astype(np.float64), edge, 1 - edge)
    t = min(max(threshold, edge), 1 - edge)
    odds = p / (1 - p) * ((1 - t) / t)
    return np.clip(odds / (1 + odds), edge, 1 - edge)


def _densecrf() -> ModuleType:
    try:
        return importlib.import_module("pydensecrf.densecrf")
    except ImportError as error:
        raise UnavailableError(
            "CRF refinement needs pydensecrf2, which is not installed here: pip install pydensecrf2 (needs a C++ compiler)"
        ) from error
