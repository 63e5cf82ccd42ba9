"""Backbones: letterboxed pictures in, three feature levels and the finer details out.

Every backbone is an `nn.Module` with the attributes `level_channels` (three ints) and `detail_channels` (two ints, or none) and maps
`images (B, 3, S, S)`, RGB in 0..1, to `BackboneFeatures`.
"""

from refseg.models.backbones.features import Backbone, BackboneFeatures
from refseg.models.backbones.pair import DetectorSegmenterPair
from refseg.models.backbones.plain import PlainBackbone
from refseg.models.backbones.resnet import DilatedResNet101

__all__ = ["Backbone", "BackboneFeatures", "DetectorSegmenterPair", "DilatedResNet101", "PlainBackbone"]
