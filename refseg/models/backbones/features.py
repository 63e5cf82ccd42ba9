"""What every backbone returns."""

from typing import NamedTuple

from torch import Tensor, nn

from refseg.models.backbones.detections import Detections


class BackboneFeatures(NamedTuple):
    """Features of B pictures.

    levels: three maps (B, C_i, h, w) on one common grid, from fine to semantic; the F_3, F_4, F_5 that CMSA attends over.
    details: maps for the refinement of the mask, coarse to fine: (B, D_8, S/8, S/8) and (B, D_4, S/4, S/4); empty when the backbone has none.
    detections: dense predictions of a detector, with the maps (B, A_i, h_i, w_i) that tell what its boxes hold; None and empty without one.
    """

    levels: tuple[Tensor, Tensor, Tensor]
    details: tuple[Tensor, ...]
    detections: Detections | None = None
    appearance: tuple[Tensor, ...] = ()


class Backbone(nn.Module):
    """The interface: `forward(images) -> BackboneFeatures` and the channel counts that the network is built from."""

    level_channels: tuple[int, int, int]
    detail_channels: tuple[int, ...]
    classes: int = 0  # of the detector; 0 without one
    appearance_channels: tuple[int, ...] = ()

    def __call__(self, images: Tensor) -> BackboneFeatures:
        features: BackboneFeatures = super().__call__(images)
        return features
