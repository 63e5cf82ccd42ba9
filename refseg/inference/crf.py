"""DenseCRF refinement with the published parameters; optional, as it needs a compiled package (pydensecrf2).

Fully connected CRF of Kraehenbuehl and Koltun (2011): a Gaussian and a bilateral pairwise term, mean-field inference.
"""

import importlib
import math
from types import ModuleType

import cv2
import numpy as np
from numpy.typing import NDArray

from refseg.errors import InputError, UnavailableError

GAUSSIAN_SXY, GAUSSIAN_COMPAT = 3, 3
BILATERAL_SXY, BILATERAL_SRGB, BILATERAL_COMPAT = 20, 3, 10
ITERATIONS = 5
# A megapixel takes about 3 seconds and 250 MB of memory; above this the CRF runs on a reduced image.
MAX_PIXELS = 4_000_000
_EDGE = 1e-6  # how near a probability comes to 0 and 1, whose logarithms the energies are made of


def available() -> bool:
    """Whether the CRF can be used here."""
    return why_unavailable() is None


def why_unavailable() -> str | None:
    """None if the CRF can be used, otherwise a sentence that says why not and what to do."""
    try:
        require()
    except UnavailableError as error:
        return str(error)
    return None


def require() -> None:
    """Raises UnavailableError, which says what to do, if the CRF cannot be used."""
    _densecrf()


def refine_mask(
    image: NDArray[np.uint8], probability: NDArray[np.float32], threshold: float = 0.5
) -> NDArray[np.bool_]:
    """image (H, W, 3) uint8 and probability (H, W) in 0..1 -> bool (H, W).

    The unary term is the probability with its odds divided by those of `threshold`, so a threshold means the same with
    and without refinement. Runs at the image's own size up to MAX_PIXELS; beyond, on the image reduced to that
    many, with the distances of the pairwise terms reduced alike, and the answer is enlarged bilinearly. Raises
    InputError when the sizes differ, UnavailableError if the CRF is not installed.
    """
    require()
    if image.shape != (*probability.shape, 3):
        raise InputError(
            f"got an image of shape {image.shape} and probabilities of shape {probability.shape}, expected (H, W, 3)"
            " and (H, W)"
        )
    height, width = probability.shape
    scale = math.sqrt(MAX_PIXELS / (height * width))
    if scale >= 1:
        return np.asarray(_foreground(image, probability, threshold, 1.0) >= 0.5)
    size = (
        max(1, int(width * scale)),
        max(1, int(height * scale)),
    )  # rounded down: never above MAX_PIXELS but for images one pixel wide
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    coarse = np.asarray(cv2.resize(probability, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
    return np.asarray(
        cv2.resize(_foreground(small, coarse, threshold, scale), (width, height), interpolation=cv2.INTER_LINEAR) >= 0.5
    )


def _foreground(
    image: NDArray[np.uint8], probability: NDArray[np.float32], threshold: float, scale: float
) -> NDArray[np.float32]:
    """Marginal (H, W) of the foreground after mean-field inference; `scale` multiplies the spatial distances."""
    height, width = probability.shape
    foreground = _shift_odds(probability, threshold)
    unary = -np.log(np.stack([1 - foreground, foreground]).reshape(2, -1))
    crf = _densecrf().DenseCRF2D(width, height, 2)
    crf.setUnaryEnergy(np.ascontiguousarray(unary, dtype=np.float32))
    crf.addPairwiseGaussian(sxy=GAUSSIAN_SXY * scale, compat=GAUSSIAN_COMPAT)
    crf.addPairwiseBilateral(
        sxy=BILATERAL_SXY * scale, srgb=BILATERAL_SRGB, rgbim=np.array(image, order="C"), compat=BILATERAL_COMPAT
    )
    marginals = np.asarray(crf.inference(ITERATIONS), dtype=np.float32)
    return np.asarray(marginals[1].reshape(height, width))


def _shift_odds(probability: NDArray[np.float32], threshold: float) -> NDArray[np.float64]:
    """Probability whose odds are divided by those of the threshold, limited to values away from 0 and 1."""
    p = np.clip(probability.astype(np.float64), _EDGE, 1 - _EDGE)
    t = min(max(threshold, _EDGE), 1 - _EDGE)
    odds = p / (1 - p) * ((1 - t) / t)
    return np.clip(odds / (1 + odds), _EDGE, 1 - _EDGE)


def _densecrf() -> ModuleType:
    try:
        return importlib.import_module("pydensecrf.densecrf")
    except ImportError as error:
        raise UnavailableError(
            "CRF refinement needs pydensecrf2, which is not installed here: pip install pydensecrf2 (needs a C++"
            " compiler)"
        ) from error
