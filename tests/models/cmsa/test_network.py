"""CMSA to the letter: parameter counts by hand, the network against the equations written out, its losses and its
abilities.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from refseg.models.cmsa.config import CmsaConfig
from refseg.models.cmsa.network import CmsaNetwork
from refseg.models.layers.multimodal import coordinate_features
from refseg.models.system import AttendsFromPlace, ChoosesRegions, ReadsVideos, Targets
from tests.models import reference

VOCABULARY = 30
# The paper's network in miniature: a small backbone and few channels, and nothing else changed.
LITERAL = replace(CmsaConfig.paper(), backbone="plain", image_size=64, embedding=12, width=10, channels=14)
RESNET101 = 44_549_160 - (2048 * 1000 + 1000)  # torchvision's count, without the classifier


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def made(config: CmsaConfig = LITERAL, seed: int = 0) -> CmsaNetwork:
    torch.manual_seed(seed)
    return CmsaNetwork(config, VOCABULARY).double().eval()


def images(count: int, size: int = 64) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(count), dtype=torch.float64)


def expressions(*lengths: int) -> tuple[Tensor, Tensor]:
    """Random words: tokens and valid (K, T)."""
    valid = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    tokens = torch.randint(2, VOCABULARY, valid.shape, generator=torch.Generator().manual_seed(len(lengths)))
    return tokens * valid, valid


def on_meta(config: CmsaConfig, words: int) -> CmsaNetwork:
    with torch.device("meta"):
        return CmsaNetwork(config, words)


def count(network: CmsaNetwork) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_papers_network_has_the_parameters_counted_by_hand() -> None:
    """By hand, with V words, C_v = 512, 1024 and 2048, C_l = 1000, d = 512, X of 500 channels, and f_pn of C_v + 1000 +
    8.

    Eq. 1: a table of V x 1000, no projection, no gain.
    Eq. 2, per level: three linear maps of f_pn to d without bias, 3 * 512 * (C_v + 1008); Eq. 3-4: none.
    Eq. 5, per level: the linear map back to f_pn without bias, 512 * (C_v + 1008).
    Eq. 6, per level: W_x, 500 * (C_v + 1008) + 500; the gates m and r, 500 + 1 each; gamma, 1.
    Eq. 7: a 3 x 3 convolution to one channel, 500 * 9 + 1.
    """
    words = 12_112
    levels = [512 + 1008, 1024 + 1008, 2048 + 1008]
    attention = sum(4 * 512 * f for f in levels)
    fusion = sum(500 * f + 500 + 2 * 501 + 1 for f in levels)
    assert attention == 13_533_184 and fusion == 3_308_509
    expected = RESNET101 + words * 1000 + attention + fusion + 4501
    assert count(on_meta(CmsaConfig.paper(), words)) == expected == 71_458_354


def test_attention_across_frames_adds_the_parameters_counted_by_hand() -> None:
    """Eq. 9, per level: q, k and v of V_t to d = 512 without bias, 3 * 512 * C_v; Eq. 11: W_o back to C_v,
    512 * C_v.
    """
    added = count(on_meta(CmsaConfig.paper_video(), 50)) - count(on_meta(CmsaConfig.paper(), 50))
    assert added == 4 * 512 * (512 + 1024 + 2048) == 7_340_032


def test_the_papers_network_reads_as_the_paper_says() -> None:
    network = on_meta(CmsaConfig.paper(), VOCABULARY)
    levels, details, *_ = network.backbone(torch.empty(1, 3, 320, 320, device="meta"))
    assert [tuple(level.shape) for level in levels] == [(1, 512, 40, 40), (1, 1024, 40, 40), (1, 2048, 40, 40)]
    assert details == ()
    assert [project.weight.shape[1] for project in network.fusion.project] == [512 + 1008, 1024 + 1008, 2048 + 1008]
    assert network.prediction.weight.shape == (1, 500, 3, 3)
    names = {name for name, _ in network.named_parameters() if not name.startswith("backbone.")}
    assert not {name for name in names if name.startswith("visual.") or "scale" in name or "gain" in name}
    assert not {name for name in names if name.startswith("attention.") and name.endswith("bias")}


@pytest.mark.parametrize("frames", [1, 3])
def test_the_literal_network_is_the_equations_written_out(frames: int) -> None:
    """Eq. 9-11 (for more than one frame), 1-7, pair by pair and position by position."""
    network = made(replace(LITERAL, cross_frame=9 if frames > 1 else 0))
    tokens, valid = expressions(4)
    features = network.backbone(images(frames))
    levels = [level.flatten(2).transpose(1, 2) for level in features.levels]  # (F, P, C)
    if frames > 1:
        responses = [
            reference.cross_frame(layer, level, (4, 4))[0]
            for layer, level in zip(network.cross_frame, levels, strict=True)
        ]
        levels = [level + response for level, response in zip(levels, responses, strict=True)]
    unit = [level[0] / level[0].norm(dim=-1, keepdim=True) for level in levels]
    table = network.words.table(tokens[0])
    words = table / table.norm(dim=-1, keepdim=True)
    coordinates = coordinate_features(4, 4).double()
    attended = [
        reference.attention(layer, v, words, coordinates) for layer, v in zip(network.attention, unit, strict=True)
    ]
    maps = [level.features.T.unflatten(1, (4, 4)) for level in attended]
    fused, memory, reset = reference.fusion(network.fusion, maps)
    expected = torch.nn.functional.conv2d(
        fused.double()[None], network.prediction.weight, network.prediction.bias, padding=1
    )[0]

    encoded = network.encode_window(images(frames)) if frames > 1 else network.encode(images(1))
    got = network.answer(encoded, tokens, valid, torch.zeros(1, dtype=torch.int64))
    torch.testing.assert_close(got.logits, expected, rtol=1e-5, atol=1e-5)
    attention = torch.stack([level.word_attention for level in attended])
    torch.testing.assert_close(got.maps["word_attention"][0], attention, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(got.maps["memory_gate"][0].float(), memory.float(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(got.maps["reset_gate"][0].float(), reset.float(), rtol=1e-4, atol=1e-5)


def test_the_other_reading_of_eq_3_would_make_eq_4_constant() -> None:
    """Normalized over the queries of each key, every word receives P whatever the image; over the keys of each query it
    does not.
    """
    network = made()
    layer, grid = network.attention[0], coordinate_features(4, 4).double()
    words, visual = (
        torch.randn(5, 12, dtype=torch.float64),
        torch.randn(16, LITERAL.level_channels[0], dtype=torch.float64),
    )
    with torch.no_grad():
        layer.word_qkv.weight.mul_(20)
    pairs = reference.attention(layer, visual, words, grid).pairs
    received = pairs.sum((0, 1, 2))
    assert received.sum().item() == pytest.approx(16 * 5) and received.std() > 0.1
    logits = pairs.log()
    over_queries = torch.softmax(logits.flatten(0, 1), dim=0).view_as(logits)
    torch.testing.assert_close(over_queries.sum((0, 1, 2)), torch.full((5,), 16.0, dtype=torch.float64))


def test_words_have_no_order_in_the_paper_and_have_one_with_context() -> None:
    image, (tokens, valid) = images(1), expressions(4)
    for context, same in ((0, True), (6, False)):
        network = made(replace(LITERAL, context=context))
        forward, backward = network(image, tokens, valid).logits, network(image, tokens.flip(1), valid).logits
        assert torch.allclose(forward, backward, atol=1e-9) == same


def test_the_loss_of_the_paper_counts_every_pixel_of_the_square() -> None:
    network = made()
    tokens, valid = expressions(3)
    answer = network(images(1), tokens, valid)
    nothing = torch.zeros(0)
    masks, inside = torch.zeros(1, 64, 64), torch.zeros(1, 64, 64, dtype=torch.bool)
    inside[:, 16:48] = True
    batch = Targets(masks, inside, nothing, nothing, nothing, 64)
    logits = torch.nn.functional.interpolate(answer.logits[None].float(), size=(64, 64), mode="bilinear")[0]
    entropy = torch.nn.functional.softplus(logits)  # -log(1 - p)
    torch.testing.assert_close(network.losses(answer, batch)["cross_entropy"], entropy.mean())
    within = made(replace(LITERAL, loss_pixels="image")).losses(answer, batch)["cross_entropy"]
    torch.testing.assert_close(within, entropy[:, 16:48].mean())


def test_abilities() -> None:
    network = made(replace(LITERAL, cross_frame=8))
    assert (
        isinstance(network, AttendsFromPlace)
        and isinstance(network, ReadsVideos)
        and not isinstance(network, ChoosesRegions)
    )
    assert {id(parameter) for parameter in network.clip_parameters()} == {
        id(p) for p in network.cross_frame.parameters()
    }
    with pytest.raises(ValueError, match="no attention across frames"):
        made().clip_parameters()


@pytest.mark.parametrize("on", ["backbone", "normalized"])
def test_gradients_of_a_window_reach_the_attention_across_frames_alone(on: str) -> None:
    config = replace(LITERAL, visual=12, cross_frame=8, cross_frame_on=on)  # type: ignore[arg-type]
    with torch.enable_grad():
        network = made(config)
        tokens, valid = expressions(4)
        answer = network.answer(network.encode_window(images(3)), tokens, valid, torch.zeros(1, dtype=torch.int64))
        answer.logits.sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.clip_parameters())
    assert all(parameter.grad is None for parameter in network.backbone.parameters())


@torch.enable_grad()
def test_every_parameter_learns() -> None:
    network = made(replace(LITERAL, visual=12, context=6, modulated=True, gains=True, logit_scale=True, biases=True))
    tokens, valid = expressions(4, 6)
    network(images(2), tokens, valid).logits.square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


@pytest.mark.parametrize("pooling", ["average", "max"])
def test_ablations_of_the_pooling_have_the_same_parameters(pooling: str) -> None:
    network, other = made(), made(replace(LITERAL, pooling=pooling))  # type: ignore[arg-type]
    other.load_state_dict(network.state_dict())
    image, (tokens, valid) = images(1), expressions(4)
    assert not torch.allclose(other(image, tokens, valid).logits, network(image, tokens, valid).logits, atol=1e-9)
