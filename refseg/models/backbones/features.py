"""What every backbone returns."""

from typing import NamedTuple

from torch import Tensor, nn

from refseg.models.backbones.detections import Detections


class BackboneFeatures(NamedTuple):
    """Features of B images.

    levels: three maps (B, C_i, h, w) on one common grid, from fine to semantic. details: maps for the refinement of the
    mask, coarse to fine: (B, D_8, S/8, S/8) and (B, D_4, S/4, S/4); empty if the backbone has none. detections: dense
    predictions of a detector; None without one.  appearance: maps (B, A_i, h_i, w_i) that describe what its boxes hold;
    empty without one.
    """

    levels: tuple[Tensor, Tensor, Tensor]
    details: tuple[Tensor, ...]
    detections: Detections | None = None
    appearance: tuple[Tensor, ...] = ()


class Backbone(nn.Module):
    """The interface of backbones: `forward(images) -> BackboneFeatures` and the sizes that a system is built from.

    class_names: of the classes that its detector distinguishes, in the order of its outputs; empty where they have no
    names.
    """

    level_channels: tuple[int, int, int]
    detail_channels: tuple[int, ...]
    classes: int = 0  # of the detector; 0 without one
    class_names: tuple[str, ...] = ()
    appearance_channels: tuple[int, ...] = ()

    def __call__(self, images: Tensor) -> BackboneFeatures:
        features: BackboneFeatures = super().__call__(images)
        return features
