"""What the steps of CMSA hand to each other."""

from typing import NamedTuple

from torch import Tensor

from refseg.models.cmsa.attention import ImageParts


class VisualMaps(NamedTuple):
    """Features of B images or frames before CMSA.

    levels: three of (B, P, C), the backbone's or those of Eq. 1, see `CmsaConfig.cross_frame_on`; V_t of Eq. 11.
    details: for the refinement, projected. grid: (h, w) of the P positions.
    """

    levels: tuple[Tensor, ...]
    details: tuple[Tensor, ...]
    grid: tuple[int, int]


class EncodedImages(NamedTuple):
    """What B images contribute to any number of answers: `parts` of Eq. 2-3 per level, `details` for the refinement,
    the `grid` (h, w).
    """

    parts: tuple[ImageParts, ...]
    details: tuple[Tensor, ...]
    grid: tuple[int, int]
