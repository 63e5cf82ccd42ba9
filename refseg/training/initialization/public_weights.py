"""Public weights of detectors and segmenters, read into our backbones: YOLOX-nano and DeepLab-MobileNetV2.

They are starting points: training changes every tensor afterwards.
"""

from pathlib import Path
from typing import cast

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from refseg.errors import DataError
from refseg.models.backbones.mobilenet import DeepLabMobileNetV2, InvertedResidual
from refseg.models.backbones.yolox import YoloxNano


def read_yolox(detector: YoloxNano, path: Path) -> None:
    """Copy the convolutions of an exported YOLOX-nano graph, which lists them in the order in which they are
    computed.
    """
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError as error:
        raise DataError(
            "reading yolox_nano.onnx needs the onnx package: pip install -r recipes/requirements.txt"
        ) from error
    try:
        graph = onnx.load(str(path)).graph
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path}: {error}; expected an exported YOLOX-nano") from error
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    source = [(values[node.input[1]], values[node.input[2]]) for node in graph.node if node.op_type == "Conv"]
    target = _convolutions_in_order(detector, torch.zeros(1, 3, 64, 64))
    if len(source) != len(target):
        raise DataError(f"{path} has {len(source)} convolutions, expected {len(target)}")
    with torch.no_grad():
        for position, (conv, (weight, bias)) in enumerate(zip(target, source, strict=True)):
            _copy(conv.weight, torch.from_numpy(weight.copy()), f"convolution {position} of {path}")
            _copy(_bias(conv), torch.from_numpy(bias.copy()), f"bias {position} of {path}")


def read_deeplab(segmenter: DeepLabMobileNetV2, path: Path) -> None:
    """Copy the published DeepLab-MobileNetV2 by its TensorFlow names (stored in PyTorch's layout)."""
    try:
        stored = load_file(path)
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path}: {error}; expected DeepLab-MobileNetV2 as safetensors") from error
    names: dict[str, nn.Conv2d] = {"MobilenetV2_Conv_": segmenter.stem}
    for index, block in enumerate(cast(list[InvertedResidual], list(segmenter.blocks))):
        prefix = "MobilenetV2_expanded_conv_" + (f"{index}_" if index else "")
        if block.expand is not None:
            names[prefix + "expand_"] = block.expand
        names[prefix + "depthwise_"], names[prefix + "project_"] = block.depthwise, block.project
    names |= {
        "image_pooling_": segmenter.image_pooling,
        "aspp0_": segmenter.aspp,
        "concat_projection_": segmenter.merge,
    }
    with torch.no_grad():
        for name, conv in names.items():
            weight = [stored[key] for key in (name + "Conv2D", name + "depthwise") if key in stored]
            suffixes = ("Conv2D_bn_offset", "depthwise_bn_offset", "BatchNorm_FusedBatchNorm")
            bias = [stored[name + suffix] for suffix in suffixes if name + suffix in stored]
            if len(weight) != 1 or len(bias) != 1:
                raise DataError(
                    f"{path} has {len(weight)} weights and {len(bias)} biases named {name}*, expected one of each"
                )
            _copy(conv.weight, weight[0], f"{name} of {path}")
            _copy(_bias(conv), bias[0], f"{name} of {path}")


def _convolutions_in_order(module: nn.Module, example: Tensor) -> list[nn.Conv2d]:
    order: list[nn.Conv2d] = []
    hooks = [
        m.register_forward_hook(lambda m, *_: order.append(m)) for m in module.modules() if isinstance(m, nn.Conv2d)
    ]
    with torch.no_grad():
        module(example)
    for hook in hooks:
        hook.remove()
    return order


def _bias(conv: nn.Conv2d) -> Tensor:
    if conv.bias is None:
        raise ValueError("a folded convolution needs a bias")
    return conv.bias


def _copy(target: Tensor, source: Tensor, what: str) -> None:
    if target.shape != source.shape:
        raise DataError(f"{what} has shape {tuple(source.shape)}, expected {tuple(target.shape)}")
    target.copy_(source.float())
