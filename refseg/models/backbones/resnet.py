"""The paper's backbone: a ResNet-101 with dilated last stages, Res3, Res4 and Res5 all at stride 8 (40 x 40 for a 320 x
320 image).
"""

import importlib
from types import ModuleType

import torch
from torch import Tensor

from refseg.models.backbones.features import Backbone, BackboneFeatures

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class DilatedResNet101(Backbone):
    """torchvision's ResNet-101 with strides replaced by dilation in stages 4 and 5, as in DeepLab (Sec. 4.1 of the
    paper).

    images (B, 3, S, S) in 0..1 -> levels (B, 512 | 1024 | 2048, S/8, S/8), details empty (the paper predicts on the
    coarse grid).
    """

    level_channels = (512, 1024, 2048)
    detail_channels = ()

    def __init__(self) -> None:
        super().__init__()
        resnet = _torchvision_resnet().resnet101(weights=None, replace_stride_with_dilation=[False, True, True])
        self.stem = torch.nn.Sequential(resnet.conv1, resnet.bn1, resnet.relu, resnet.maxpool)
        self.stage2, self.stage3, self.stage4, self.stage5 = resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def train(self, mode: bool = True) -> "DilatedResNet101":
        """Training mode, but batch normalization keeps its statistics: a batch of one image has none worth learning."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eval()
        return self

    def forward(self, images: Tensor) -> BackboneFeatures:
        x = self.stage2(self.stem((images - self.mean) / self.std))
        res3 = self.stage3(x)
        res4 = self.stage4(res3)
        res5 = self.stage5(res4)
        return BackboneFeatures(levels=(res3, res4, res5), details=())


def _torchvision_resnet() -> ModuleType:
    """Import torchvision's ResNet, also where torchvision's compiled operators cannot be loaded.

    A torchvision built for another torch (a CUDA build beside a CPU-only torch, say) registers fake kernels at import
    for operators that were never defined, and fails. The ResNet uses none of them, so the missing schemas are declared,
    one at a time, until the import goes through.
    """
    declared = torch.library.Library("torchvision", "FRAGMENT")
    for _ in range(16):
        try:
            resnet = importlib.import_module("torchvision.models.resnet")
        except RuntimeError as error:
            name = str(error).partition("operator torchvision::")[2].partition(" ")[0]
            if not name:
                raise
            declared.define(f"{name}(Tensor input) -> Tensor")
        else:
            return resnet
    raise ImportError(
        "torchvision cannot be imported: its operators do not match the installed torch; install matching releases of"
        " both"
    )
