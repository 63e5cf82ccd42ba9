"""The compact system: sharing an image, batches, padding, gradients everywhere."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from refseg.models.compact import CompactConfig, CompactSystem
from refseg.models.regions.carrier import Internals
from refseg.models.system import Answer, AttendsFromPlace, ChoosesRegions, ReadsVideos

VOCABULARY = 30


@pytest.fixture(scope="module")
def network() -> CompactSystem:
    torch.manual_seed(0)
    return CompactSystem(CompactConfig.tiny(), VOCABULARY).double().eval()


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


def parts(answer: Answer, k: int, words: int) -> dict[str, Tensor]:
    """Everything about expression k, cut to its first words."""
    internals = answer.internals
    assert isinstance(internals, Internals) and answer.presence is not None
    found = {"logits": answer.logits, "presence": answer.presence, "dense": internals.dense, **answer.maps}
    found |= {name: value for name, value in internals.selected._asdict().items() if isinstance(value, Tensor)}
    cut = {name: value[k] for name, value in found.items()}
    return cut | {name: cut[name][:, :words] for name in ("word_attention", "word_maps")}


def assert_same(got: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert set(got) == set(expected)
    for name in expected:
        torch.testing.assert_close(
            got[name], expected[name], rtol=1e-9, atol=1e-9, msg=lambda text, name=name: f"{name}: {text}"
        )


def test_shapes_and_ranges_of_the_answer(network: CompactSystem) -> None:
    tokens, valid = expressions(3, 5)
    answer = network(pictures(2), tokens, valid)
    config, maps = network.config, answer.maps
    assert answer.logits.shape == (2, 16, 16)  # refined to stride 4
    gate = answer.numbers["gate"]
    assert gate.shape == (2,) and gate.min() >= 0 and gate.max() <= 1
    assert maps["word_attention"].shape == (2, 3, 5)
    assert maps["word_maps"].shape == (2, 3, 5, 4, 4)
    assert maps["response"].shape == (2, config.channels, 4, 4)
    assert maps["memory_gate"].shape == maps["reset_gate"].shape == (2, 3, 4, 4)
    assert answer.presence is not None and answer.presence.shape == (2,)
    assert answer.internals.selected.logits.shape == (2, config.regions + 1)
    torch.testing.assert_close(maps["word_attention"].sum(-1), torch.ones(2, 3, dtype=torch.float64))
    torch.testing.assert_close(maps["word_maps"].sum(2), torch.ones(2, 3, 4, 4, dtype=torch.float64))
    assert not maps["word_attention"][0, :, 3:].any() and not maps["word_maps"][0, :, 3:].any()
    for name in network.map_descriptions:
        assert (maps[name] > 0).all() and (maps[name] < 1).all()


def test_abilities(network: CompactSystem) -> None:
    assert (
        isinstance(network, AttendsFromPlace)
        and isinstance(network, ReadsVideos)
        and isinstance(network, ChoosesRegions)
    )


def test_one_encoding_answers_as_many_full_passes(network: CompactSystem) -> None:
    image, (tokens, valid) = pictures(1), expressions(2, 5, 3)
    together = network.answer(network.encode(image), tokens, valid)
    for k, length in enumerate((2, 5, 3)):
        alone = network(image, tokens[k : k + 1, :length], valid[k : k + 1, :length])
        assert_same(parts(together, k, length), parts(alone, 0, length))


def test_a_batch_of_pictures_equals_one_by_one(network: CompactSystem) -> None:
    images, (tokens, valid) = pictures(3), expressions(4, 2, 5)
    together = network(images, tokens, valid)
    for k, length in enumerate((4, 2, 5)):
        alone = network(images[k : k + 1], tokens[k : k + 1, :length], valid[k : k + 1, :length])
        assert_same(parts(together, k, length), parts(alone, 0, length))


def test_image_index_says_which_picture(network: CompactSystem) -> None:
    images, (tokens, valid) = pictures(2), expressions(4, 2, 5)
    index = [1, 0, 1]
    together = network(images, tokens, valid, torch.tensor(index))
    for k, (picture, length) in enumerate(zip(index, (4, 2, 5), strict=True)):
        alone = network(images[picture : picture + 1], tokens[k : k + 1, :length], valid[k : k + 1, :length])
        assert_same(parts(together, k, length), parts(alone, 0, length))
    other = network(images, tokens, valid, torch.tensor([0, 0, 1]))
    assert not torch.allclose(other.logits[0], together.logits[0])
    torch.testing.assert_close(other.logits[1:], together.logits[1:])


def test_padding_changes_nothing(network: CompactSystem) -> None:
    image, (tokens, valid) = pictures(1), expressions(4)
    padded = network(
        image, torch.nn.functional.pad(tokens, (0, 6), value=9), torch.nn.functional.pad(valid, (0, 6), value=False)
    )
    assert_same(parts(padded, 0, 4), parts(network(image, tokens, valid), 0, 4))


def test_words_and_pictures_matter(network: CompactSystem) -> None:
    images, (tokens, valid) = pictures(2), expressions(4)
    answer = network(images[:1], tokens, valid).logits
    assert not torch.allclose(network(images[:1], tokens.flip(1), valid).logits, answer, atol=1e-6)
    assert not torch.allclose(network(images[1:], tokens, valid).logits, answer, atol=1e-6)


@torch.enable_grad()
def test_every_parameter_learns() -> None:
    torch.manual_seed(0)
    network = CompactSystem(CompactConfig.tiny(), VOCABULARY).eval()  # in training, branches are left out at random
    tokens, valid = expressions(4, 6)
    answer = network(pictures(2).float(), tokens, valid)
    selected = answer.internals.selected
    assert answer.presence is not None and selected.several is not None
    losses = [answer.logits, answer.presence, selected.logits, selected.category, selected.several]
    sum(loss.square().mean() for loss in losses).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_autocast_answers_nearly_as_float32() -> None:
    torch.manual_seed(0)
    network = CompactSystem(CompactConfig.tiny(), VOCABULARY).eval()
    images, (tokens, valid) = pictures(2).float(), expressions(4, 6)
    plain = network(images, tokens, valid)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = network(images, tokens, valid)
    assert mixed.maps["word_attention"].dtype == mixed.maps["word_maps"].dtype == torch.float32
    torch.testing.assert_close(mixed.maps["word_attention"], plain.maps["word_attention"], rtol=0, atol=0.02)
    assert (mixed.logits.float() - plain.logits).abs().max() < 0.1 * plain.logits.std().clamp_min(0.5)


def test_the_compact_network_end_to_end() -> None:
    torch.manual_seed(0)
    config = replace(CompactConfig(), image_size=96)
    network = CompactSystem(config, VOCABULARY).eval()
    tokens, valid = expressions(4)
    output = network(pictures(1, 96).float(), tokens, valid)
    assert output.logits.shape == (1, 24, 24) and output.logits.isfinite().all()
    assert output.maps["word_maps"].shape == (1, 3, 4, 6, 6)
    # the checkpoint is to stay below 64 MB in float16, with room for a large vocabulary
    assert sum(parameter.numel() for parameter in network.parameters()) * 2 < 32e6
