"""Read public initialisations into the compact network: YOLOX-nano, DeepLab-MobileNetV2 and GloVe.

They are starting points: training goes through every tensor afterwards. Files expected in `folder`: yolox_nano.onnx,
deeplabv3_mnv2_voc.fp16.safetensors, glove_6b_50d.npz (`vectors`) with glove_6b_words.txt.
"""

from pathlib import Path
from typing import cast

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from refseg.errors import DataError
from refseg.language import Vocabulary
from refseg.models.backbones import DetectorSegmenterPair
from refseg.models.backbones.mobilenet import DeepLabMobileNetV2, InvertedResidual
from refseg.models.backbones.yolox import YoloxNano
from refseg.models.cmsa.attention import CrossModalSelfAttention
from refseg.models.layers.multimodal import VisualFeatures
from refseg.models.cmsa.network import ReferringNetwork
from refseg.training.categories import COCO_CATEGORIES


def initialise_compact(network: ReferringNetwork, vocabulary: Vocabulary, folder: Path) -> None:
    """Fill the compact network's backbones, word table and class names, and put positions and words into one space.

    Raises DataError when a file is missing or does not fit, ValueError when the network is not the compact one.
    """
    backbone = network.backbone
    if not isinstance(backbone, DetectorSegmenterPair):
        raise ValueError(f"only the 'pair' backbone has public initialisations here, got {type(backbone).__name__}")
    read_yolox(backbone.detector, folder / "yolox_nano.onnx")
    read_deeplab(backbone.segmenter, folder / "deeplabv3_mnv2_voc.fp16.safetensors")
    table = word_table(vocabulary, folder, network.config.embedding)
    with torch.no_grad():
        network.words.table.weight.copy_(table)
        names = [torch.stack([table[vocabulary.index(word)] for word in name.split()]).mean(0) for name in COCO_CATEGORIES]
        for place in (backbone.painting.names, *((voter.names for voter in network.selection) if network.config.regions else ())):
            place.weight.copy_(torch.stack(names, dim=1))
        align_names_with_words(network, backbone.name_offset)


def align_names_with_words(network: ReferringNetwork, offset: int) -> None:
    """Let the third level's queries and keys see painted names and looked-up words through one projection.

    The name vectors pass the level's visual projection unchanged, and the weights of both kinds of input to q and k are tied at the start, so that
    q_pn . ke_n' begins as the likeness of the thing at p and the word n'.
    """
    size, level = network.config.embedding, 2
    visual = cast(VisualFeatures, network.visual[level]).project
    attention = cast(CrossModalSelfAttention, network.attention[level])
    width = network.config.width
    with torch.no_grad():
        visual.weight[:size] = 0
        visual.weight[:size, offset : offset + size, 0, 0] = torch.eye(size)
        _bias(visual)[:size] = 0
        shared = torch.randn(width, size) / size**0.5
        for block in range(2):  # queries, keys
            rows = slice(block * width, (block + 1) * width)
            attention.position_qkv.weight[rows, :size] = shared
            attention.word_qkv.weight[rows, :size] = shared


def word_table(vocabulary: Vocabulary, folder: Path, size: int) -> Tensor:
    """GloVe vectors of the vocabulary's words, (len(vocabulary), size): centred, whitened by their covariance, of unit mean square.

    Whitening removes the few directions that all frequent words share. Words without a vector start near zero; `<pad>` is zero.
    """
    words_file, vectors_file = folder / "glove_6b_words.txt", folder / "glove_6b_50d.npz"
    try:
        words = words_file.read_text(encoding="utf-8").split()
        with np.load(vectors_file, allow_pickle=False) as archive:
            vectors = archive["vectors"].astype(np.float64)
    except (OSError, KeyError, ValueError) as error:
        raise DataError(
            f"cannot read the word vectors {vectors_file}: {error}; expected `vectors` (N, {size}) and {words_file.name}"
        ) from error
    if vectors.shape != (len(words), size):
        raise DataError(f"word vectors have shape {vectors.shape}, expected ({len(words)}, {size}) for {words_file.name} and this network")
    centred = vectors - vectors.mean(0)
    variance, axes = np.linalg.eigh(centred.T @ centred / len(centred))
    # half-way between the raw and the whitened spectrum: full whitening amplifies the noise directions
    white = centred @ axes / np.maximum(variance, 1e-6) ** 0.25
    white /= np.sqrt((white**2).mean())
    rows = {word: row for row, word in enumerate(words)}
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(len(vocabulary), size, generator=generator) * 0.1
    for index in range(2, len(vocabulary)):
        word = vocabulary.word(index)
        pieces = [rows[piece] for piece in (word, *word.split("-")) if piece in rows]
        if pieces:
            table[index] = torch.from_numpy(white[pieces[0] if word in rows else pieces].reshape(-1, size).mean(0)).float()
    table[0] = 0
    return table


def read_yolox(detector: YoloxNano, path: Path) -> None:
    """Copy the convolutions of an exported YOLOX-nano graph, which lists them in the order in which they are computed."""
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError as error:
        raise DataError("reading yolox_nano.onnx needs the onnx package: pip install -r recipes/requirements.txt") from error
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
    names |= {"image_pooling_": segmenter.image_pooling, "aspp0_": segmenter.aspp, "concat_projection_": segmenter.merge}
    with torch.no_grad():
        for name, conv in names.items():
            weight = [stored[key] for key in (name + "Conv2D", name + "depthwise") if key in stored]
            suffixes = ("Conv2D_bn_offset", "depthwise_bn_offset", "BatchNorm_FusedBatchNorm")
            bias = [stored[name + suffix] for suffix in suffixes if name + suffix in stored]
            if len(weight) != 1 or len(bias) != 1:
                raise DataError(f"{path} has {len(weight)} weights and {len(bias)} biases named {name}*, expected one of each")
            _copy(conv.weight, weight[0], f"{name} of {path}")
            _copy(_bias(conv), bias[0], f"{name} of {path}")


def _convolutions_in_order(module: nn.Module, example: Tensor) -> list[nn.Conv2d]:
    order: list[nn.Conv2d] = []
    hooks = [m.register_forward_hook(lambda m, *_: order.append(m)) for m in module.modules() if isinstance(m, nn.Conv2d)]
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
