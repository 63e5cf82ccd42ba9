"""Backbones: letterboxed images in, three feature levels and the finer details out.

Every backbone is a `Backbone`: it maps images (B, 3, S, S), RGB in 0..1, to `BackboneFeatures`, and has the channel
counts that a system is built from.
"""

from refseg.models.backbones.features import Backbone, BackboneFeatures
from refseg.models.backbones.pair import DetectorSegmenterPair
from refseg.models.backbones.plain import PlainBackbone
from refseg.models.backbones.resnet import DilatedResNet101

__all__ = [
    "Backbone",
    "BackboneFeatures",
    "DetectorSegmenterPair",
    "DilatedResNet101",
    "PlainBackbone",
    "build_backbone",
]


def build_backbone(name: str, *, names: int, width: int) -> Backbone:
    """The backbone of that name, with random weights.

    names: channels of the class names that "pair" paints, those of the word table.  width: of "plain". Raises
    ValueError for an unknown name.
    """
    if name == "resnet101":
        return DilatedResNet101()
    if name == "pair":
        return DetectorSegmenterPair(name_channels=names)
    if name == "plain":
        return PlainBackbone(width=width)
    raise ValueError(f"the backbone is {name!r}, expected resnet101, pair or plain")
