"""The compact configuration's backbone: a small detector and a small segmenter as the three levels of one network."""

import torch
import torch.nn.functional as F
from torch import Tensor

from refseg.models.backbones.coco_classes import COCO_CATEGORIES
from refseg.models.backbones.features import Backbone, BackboneFeatures
from refseg.models.backbones.mobilenet import DeepLabMobileNetV2
from refseg.models.backbones.painting import DetectionPainting
from refseg.models.backbones.yolox import CLASSES, YoloxNano


class DetectorSegmenterPair(Backbone):
    """YOLOX-nano finds which object is where, DeepLab-MobileNetV2 finds its outline; together they are better than
    either.

    images (B, 3, S, S) in 0..1, S divisible by 32 -> levels at S/16: surfaces (256: the segmenter's context map), parts
    (192: PAN stride 8 pooled, PAN stride 16) and objects (PAN stride 32 repeated, and the detections painted with their
    names and boxes); details at strides 8 (32 + 64) and 4 (24).
    """

    def __init__(self, name_channels: int) -> None:
        super().__init__()
        self.detector = YoloxNano()
        self.segmenter = DeepLabMobileNetV2(output_stride=16)
        self.painting = DetectionPainting(name_channels)
        p3, p4, p5 = self.detector.pan_channels
        self.level_channels = (self.segmenter.context_channels, p3 + p4, p5 + self.painting.channels)
        self.detail_channels = (self.segmenter.stride8_channels + p3, self.segmenter.stride4_channels)
        self.classes, self.class_names = CLASSES, COCO_CATEGORIES
        self.appearance_channels = (p3, p4, p5, self.segmenter.context_channels)
        self.name_offset = p5  # where the name vectors start in the channels of the third level

    def forward(self, images: Tensor) -> BackboneFeatures:
        size = images.shape[-1]
        p3, p4, p5 = (detected := self.detector(images.flip(1) * 255)).pan
        surfaces = self.segmenter(images * 2 - 1)
        parts = torch.cat([F.avg_pool2d(p3, 2), p4], dim=1)
        painted = self.painting(detected.detections, size, grid=size // 16)
        things = torch.cat(
            [F.interpolate(p5, scale_factor=2.0, mode="bilinear", align_corners=False), painted.to(p5.dtype)], dim=1
        )
        details = (torch.cat([surfaces.stride8, p3], dim=1), surfaces.stride4)
        appearance = (p3, p4, p5, surfaces.context)
        return BackboneFeatures((surfaces.context, parts, things), details, detected.detections, appearance)
