"""Public weights: each tensor where it belongs, and refused if it does not fit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import save_file

from refseg.errors import DataError
from refseg.language import Vocabulary
from refseg.models.backbones.mobilenet import DeepLabMobileNetV2
from refseg.models.backbones.yolox import YoloxNano
from refseg.models.compact import CompactConfig, CompactSystem
from refseg.training.initialization.public_weights import read_deeplab, read_yolox
from refseg.training.initialization.words import word_table
from refseg.training.recipe import load_recipe

WORDS = ("dog", "cat", "shirt", "t", "red", "of", "the", "car", "tree", "left")
SIZE = 6


def write_vectors(folder: Path, size: int = SIZE, count: int = len(WORDS)) -> np.ndarray:
    vectors = np.random.default_rng(0).normal(1.0, 2.0, (count, size)).astype(np.float32)
    np.savez(folder / "glove_6b_50d.npz", vectors=vectors)
    (folder / "glove_6b_words.txt").write_text("\n".join(WORDS), encoding="utf-8")
    return vectors


def test_words_get_their_vectors(tmp_path: Path) -> None:
    write_vectors(tmp_path)
    vocabulary = Vocabulary(["<pad>", "<unk>", *WORDS, "t-shirt", "zyx"])
    table = word_table(vocabulary, tmp_path, SIZE)
    assert table.shape == (len(vocabulary), SIZE) and not table[0].any()
    known = table[2 : 2 + len(WORDS)]
    torch.testing.assert_close(known.mean(0), torch.zeros(SIZE), rtol=0, atol=1e-5)
    assert known.square().mean().item() == pytest.approx(1, rel=1e-4)
    # a compound lies between its parts, a word without a vector near zero
    torch.testing.assert_close(
        table[vocabulary.index("t-shirt")], (known[WORDS.index("t")] + known[WORDS.index("shirt")]) / 2
    )
    assert 0 < table[vocabulary.index("zyx")].norm() < 1


def test_whitening_evens_out_the_spectrum(tmp_path: Path) -> None:
    vectors = write_vectors(tmp_path)
    vectors[:, 0] *= 30
    np.savez(tmp_path / "glove_6b_50d.npz", vectors=vectors)
    table = word_table(Vocabulary(["<pad>", "<unk>", *WORDS]), tmp_path, SIZE)[2:].double().numpy()
    before, after = (np.linalg.eigvalsh(np.cov(x.T)) for x in (vectors, table))
    # half-way: standard deviations become their square roots
    np.testing.assert_allclose(after[-1] / after[0], np.sqrt(before[-1] / before[0]), rtol=1e-3)


def test_vectors_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    vocabulary = Vocabulary(["<pad>", "<unk>", *WORDS])
    with pytest.raises(DataError, match="cannot read the word vectors"):
        word_table(vocabulary, tmp_path, SIZE)
    write_vectors(tmp_path)
    with pytest.raises(DataError, match=r"shape \(10, 6\), expected \(10, 7\)"):
        word_table(vocabulary, tmp_path, SIZE + 1)
    write_vectors(tmp_path, count=3)
    with pytest.raises(DataError, match=r"shape \(3, 6\), expected \(10, 6\)"):
        word_table(vocabulary, tmp_path, SIZE)


def test_the_segmenter_is_read_by_its_published_names(tmp_path: Path) -> None:
    torch.manual_seed(0)
    stored = stored_segmenter(source := DeepLabMobileNetV2())
    save_file(stored, tmp_path / "deeplab.safetensors")
    target = DeepLabMobileNetV2()
    read_deeplab(target, tmp_path / "deeplab.safetensors")
    assert all(torch.equal(value, source.state_dict()[name]) for name, value in target.state_dict().items())


def stored_segmenter(source: DeepLabMobileNetV2) -> dict[str, torch.Tensor]:
    """The tensors of `source` under the names of the published graph."""
    stored: dict[str, torch.Tensor] = {}

    def store(name: str, kind: str, normalisation: str, conv: torch.nn.Conv2d) -> None:
        assert conv.bias is not None
        stored[name + kind], stored[name + normalisation] = conv.weight.detach(), conv.bias.detach()

    store("MobilenetV2_Conv_", "Conv2D", "Conv2D_bn_offset", source.stem)
    for index, block in enumerate(source.blocks):
        prefix = f"MobilenetV2_expanded_conv_{index}_" if index else "MobilenetV2_expanded_conv_"
        if block.expand is not None:
            store(prefix + "expand_", "Conv2D", "Conv2D_bn_offset", block.expand)
        store(prefix + "depthwise_", "depthwise", "depthwise_bn_offset", block.depthwise)
        store(prefix + "project_", "Conv2D", "Conv2D_bn_offset", block.project)
    for name, conv in {
        "image_pooling_": source.image_pooling,
        "aspp0_": source.aspp,
        "concat_projection_": source.merge,
    }.items():
        store(name, "Conv2D", "BatchNorm_FusedBatchNorm", conv)
    return stored


def test_segmenters_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "deeplab.safetensors"
    with pytest.raises(DataError, match=r"cannot read .*deeplab"):
        read_deeplab(DeepLabMobileNetV2(), path)
    stored = stored_segmenter(DeepLabMobileNetV2())
    save_file({name: value for name, value in stored.items() if name != "aspp0_Conv2D"}, path)
    with pytest.raises(DataError, match="has 0 weights and 1 biases named aspp0_"):
        read_deeplab(DeepLabMobileNetV2(), path)
    save_file(stored | {"aspp0_Conv2D": torch.zeros(1, 320, 1, 1)}, path)
    with pytest.raises(DataError, match=r"aspp0_ of .* has shape \(1, 320, 1, 1\), expected \(256, 320, 1, 1\)"):
        read_deeplab(DeepLabMobileNetV2(), path)


def test_the_detector_is_read_in_the_order_of_its_graph(tmp_path: Path) -> None:
    torch.manual_seed(0)
    source, target = YoloxNano(), YoloxNano()
    order: list[torch.nn.Conv2d] = []
    for module in source.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda conv, *_: order.append(conv))
    with torch.no_grad():
        source(torch.zeros(1, 3, 64, 64))
    nodes, tensors = [], []
    for index, conv in enumerate(order):
        assert conv.bias is not None
        names = (f"weight{index}", f"bias{index}")
        nodes.append(onnx.helper.make_node("Conv", ["x", *names], ["y"]))
        tensors += [
            onnx.numpy_helper.from_array(v.detach().numpy(), n)
            for n, v in zip(names, (conv.weight, conv.bias), strict=True)
        ]
    path = tmp_path / "yolox.onnx"
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph(nodes, "detector", [], [], tensors)), path)
    read_yolox(target, path)
    assert all(torch.equal(value, source.state_dict()[name]) for name, value in target.state_dict().items())
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph(nodes[:-1], "detector", [], [], tensors)), path)
    with pytest.raises(DataError, match=f"has {len(order) - 1} convolutions, expected {len(order)}"):
        read_yolox(target, path)


def test_the_recipe_puts_names_and_words_into_one_space() -> None:
    initialization = load_recipe("compact").initialization
    assert initialization is not None
    align_names_with_words = initialization.initialize.__globals__["align_names_with_words"]
    torch.manual_seed(0)
    config = replace(CompactConfig(), context=4)
    network = CompactSystem(config, 20).dense
    offset, size, width = network.backbone.name_offset, config.embedding, config.width
    align_names_with_words(network, offset)
    name, level = torch.randn(size), torch.randn(1, network.backbone.level_channels[2], 2, 2)
    level[:, offset : offset + size] = name[:, None, None]
    with torch.no_grad():
        projected = network.visual[2].project(level)
        torch.testing.assert_close(projected[0, :size], name[:, None, None].expand(-1, 2, 2))
        attention = network.attention[2]
        position = attention.position_qkv.weight[: 2 * width, :size] @ name
        torch.testing.assert_close(position, attention.word_qkv.weight[: 2 * width, :size] @ name)
        assert position[:width].allclose(position[width:])
