"""The whole network: sharing a picture, batches, and gradients everywhere."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from refseg.models.config import NetworkConfig
from refseg.models.encoded import NetworkOutput
from refseg.models.network import ReferringNetwork
from refseg.models.selection import Selected

VOCABULARY = 30


@pytest.fixture(scope="module")
def network() -> ReferringNetwork:
    torch.manual_seed(0)
    return ReferringNetwork(NetworkConfig.tiny(), VOCABULARY).double().eval()


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def pictures(count: int, size: int = 64) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(count), dtype=torch.float64)


def expressions(*lengths: int) -> tuple[Tensor, Tensor]:
    """Random words: tokens and valid (K, T)."""
    valid = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    tokens = torch.randint(2, VOCABULARY, valid.shape, generator=torch.Generator().manual_seed(len(lengths)))
    return tokens * valid, valid


def assert_same(got: NetworkOutput, expected: NetworkOutput) -> None:
    assert got.selected is not None and expected.selected is not None
    pairs = [*zip(got[:-1], expected[:-1], strict=True), *zip(got.selected, expected.selected, strict=True)]
    for name, (one, other) in zip((*NetworkOutput._fields[:-1], *Selected._fields), pairs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9, msg=lambda text, name=name: f"{name}: {text}")


def rows(output: NetworkOutput, k: int, words: int) -> NetworkOutput:
    """Expression k, cut to its first words."""
    assert output.selected is not None
    one = NetworkOutput(*(part[k : k + 1] for part in output[:-1]), Selected(*(part[k : k + 1] for part in output.selected)))
    return one._replace(word_attention=one.word_attention[:, :, :words], word_maps=one.word_maps[:, :, :words])


def test_shapes_and_ranges_of_the_answer(network: ReferringNetwork) -> None:
    tokens, valid = expressions(3, 5)
    output = network(pictures(2), tokens, valid)
    config = network.config
    assert output.logits.shape == (2, 16, 16)  # refined to stride 4
    assert output.gate is not None and output.gate.shape == (2,) and output.gate.min() >= 0 and output.gate.max() <= 1
    assert output.word_attention.shape == (2, 3, 5)
    assert output.word_maps.shape == (2, 3, 5, 4, 4)
    assert output.features.shape == (2, config.channels, 4, 4)
    assert output.memory_gates.shape == output.reset_gates.shape == (2, 3, 4, 4)
    assert output.presence is not None and output.presence.shape == (2,)
    assert output.selected is not None and output.selected.logits.shape == (2, config.regions + 1)
    torch.testing.assert_close(output.word_attention.sum(-1), torch.ones(2, 3, dtype=torch.float64))
    torch.testing.assert_close(output.word_maps.sum(2), torch.ones(2, 3, 4, 4, dtype=torch.float64))
    assert not output.word_attention[0, :, 3:].any() and not output.word_maps[0, :, 3:].any()
    for gates in (output.memory_gates, output.reset_gates):
        assert (gates > 0).all() and (gates < 1).all()


def test_one_encoding_answers_as_many_full_passes(network: ReferringNetwork) -> None:
    image, (tokens, valid) = pictures(1), expressions(2, 5, 3)
    together = network.attend(network.encode(image), tokens, valid)
    for k, length in enumerate((2, 5, 3)):
        alone = network(image, tokens[k : k + 1, :length], valid[k : k + 1, :length])
        assert_same(rows(together, k, length), alone)


def test_a_batch_of_pictures_equals_one_by_one(network: ReferringNetwork) -> None:
    images, (tokens, valid) = pictures(3), expressions(4, 2, 5)
    together = network(images, tokens, valid)
    for k, length in enumerate((4, 2, 5)):
        alone = network(images[k : k + 1], tokens[k : k + 1, :length], valid[k : k + 1, :length])
        assert_same(rows(together, k, length), alone)


def test_image_index_says_which_picture(network: ReferringNetwork) -> None:
    images, (tokens, valid) = pictures(2), expressions(4, 2, 5)
    index = [1, 0, 1]
    together = network(images, tokens, valid, torch.tensor(index))
    for k, (picture, length) in enumerate(zip(index, (4, 2, 5), strict=True)):
        alone = network(images[picture : picture + 1], tokens[k : k + 1, :length], valid[k : k + 1, :length])
        assert_same(rows(together, k, length), alone)
    other = network(images, tokens, valid, torch.tensor([0, 0, 1]))
    assert not torch.allclose(other.logits[0], together.logits[0])
    torch.testing.assert_close(other.logits[1:], together.logits[1:])


def test_padding_changes_nothing(network: ReferringNetwork) -> None:
    image, (tokens, valid) = pictures(1), expressions(4)
    padded = network(image, torch.nn.functional.pad(tokens, (0, 6), value=9), torch.nn.functional.pad(valid, (0, 6), value=False))
    assert_same(rows(padded, 0, 4), network(image, tokens, valid))


def test_words_and_pictures_matter(network: ReferringNetwork) -> None:
    images, (tokens, valid) = pictures(2), expressions(4)
    answer = network(images[:1], tokens, valid).logits
    assert not torch.allclose(network(images[:1], tokens.flip(1), valid).logits, answer, atol=1e-6)
    assert not torch.allclose(network(images[1:], tokens, valid).logits, answer, atol=1e-6)


@pytest.mark.parametrize("pooling", ["average", "max"])
def test_ablations_of_the_pooling_have_the_same_parameters(network: ReferringNetwork, pooling: str) -> None:
    other = ReferringNetwork(NetworkConfig.from_dict(network.config.to_dict() | {"pooling": pooling}), VOCABULARY).double().eval()
    other.load_state_dict(network.state_dict())
    image, (tokens, valid) = pictures(1), expressions(4)
    assert not torch.allclose(other(image, tokens, valid).logits, network(image, tokens, valid).logits, atol=1e-9)


def test_without_the_additions_the_network_is_the_papers() -> None:
    config = replace(NetworkConfig.tiny(), context=0, modulated=False, refinement=(), regions=0, number=False, presence=False)
    network = ReferringNetwork(config, VOCABULARY).double()
    tokens, valid = expressions(3)
    output = network(pictures(1), tokens, valid)
    assert output.logits.shape == (1, 4, 4) and output.presence is None and output.selected is None
    assert network.fusion.modulate is None and network.words.reader is None


@torch.enable_grad()
def test_every_parameter_learns() -> None:
    torch.manual_seed(0)
    network = ReferringNetwork(NetworkConfig.tiny(), VOCABULARY).eval()  # in training, branches are left out at random
    tokens, valid = expressions(4, 6)
    output = network(pictures(2).float(), tokens, valid)
    assert output.presence is not None
    assert output.selected is not None
    assert output.selected.several is not None
    losses = [output.logits, output.presence, output.selected.logits, output.selected.category, output.selected.several]
    sum(loss.square().mean() for loss in losses).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_autocast_answers_nearly_as_float32() -> None:
    torch.manual_seed(0)
    network = ReferringNetwork(NetworkConfig.tiny(), VOCABULARY).eval()
    images, (tokens, valid) = pictures(2).float(), expressions(4, 6)
    plain = network(images, tokens, valid)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = network(images, tokens, valid)
    assert mixed.word_attention.dtype == mixed.word_maps.dtype == torch.float32
    torch.testing.assert_close(mixed.word_attention, plain.word_attention, rtol=0, atol=0.02)
    assert (mixed.logits.float() - plain.logits).abs().max() < 0.1 * plain.logits.std().clamp_min(0.5)


def test_the_papers_network_end_to_end() -> None:
    torch.manual_seed(0)
    network = ReferringNetwork(NetworkConfig.paper(), VOCABULARY).eval()
    tokens, valid = expressions(4, 7)
    output = network(pictures(1, 64).float(), tokens, valid)
    assert output.logits.shape == (2, 8, 8) and output.logits.isfinite().all()
    assert output.features.shape == (2, 500, 8, 8) and output.word_maps.shape == (2, 3, 7, 8, 8)
    assert network.fusion.project[0].weight.shape == (500, 1000 + 1000 + 8, 1, 1)  # Eq. 1
    assert network.prediction.weight.shape == (1, 500, 3, 3)  # Eq. 7
    # at the paper's own size, without computing: Res3, Res4 and Res5 on one 40 x 40 grid
    levels, details, *_ = network.backbone.to("meta")(torch.empty(1, 3, 320, 320, device="meta"))
    assert [tuple(level.shape) for level in levels] == [(1, 512, 40, 40), (1, 1024, 40, 40), (1, 2048, 40, 40)]
    assert details == ()


def test_the_compact_network_end_to_end() -> None:
    torch.manual_seed(0)
    config = replace(NetworkConfig.compact(), image_size=96)
    network = ReferringNetwork(config, VOCABULARY).eval()
    tokens, valid = expressions(4)
    output = network(pictures(1, 96).float(), tokens, valid)
    assert output.logits.shape == (1, 24, 24) and output.logits.isfinite().all()
    assert output.word_maps.shape == (1, 3, 4, 6, 6)
    # the checkpoint is to stay below 64 MB in float16, with room for a large vocabulary
    assert sum(parameter.numel() for parameter in network.parameters()) * 2 < 32e6
