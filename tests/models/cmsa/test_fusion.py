"""Eq. 6 against a loop over the positions."""

import pytest
import torch

from refseg.models.cmsa.fusion import GatedFusion
from tests.models import reference


def make(
    levels: int = 3, modulated: bool = False, scale: float = 3.0
) -> tuple[GatedFusion, list[torch.Tensor], list[torch.Tensor]]:
    torch.manual_seed(levels)
    layer = GatedFusion(inputs=[6] * levels, words=4, channels=5, modulated=modulated)
    with torch.no_grad():
        layer.gamma.copy_(torch.randn(levels))
    return layer, [scale * torch.randn(2, 6, 3, 2) for _ in range(levels)], [torch.randn(2, 4) for _ in range(levels)]


@pytest.mark.parametrize("modulated", [False, True])
@pytest.mark.parametrize("levels", [2, 3, 4])
def test_equals_the_loop_over_positions(levels: int, modulated: bool) -> None:
    layer, maps, sentences = make(levels, modulated)
    with torch.no_grad():
        fused = layer(maps, sentences)
        for k in range(2):
            features, memory, reset = reference.fusion(
                layer, [level[k] for level in maps], [sentence[k] for sentence in sentences]
            )
            torch.testing.assert_close(fused.features[k], features, rtol=1e-5, atol=1e-5)
            torch.testing.assert_close(fused.memory_gates[k], memory)
            torch.testing.assert_close(fused.reset_gates[k], reset)


def test_gates_are_one_value_per_level_and_position_between_0_and_1() -> None:
    layer, maps, sentences = make()
    fused = layer(maps, sentences)
    for gates in (fused.memory_gates, fused.reset_gates):
        assert gates.shape == (2, 3, 3, 2)
        assert 0 < gates.min() < 0.3 and 0.7 < gates.max() < 1


def test_with_closed_gates_the_levels_are_added() -> None:
    layer, maps, sentences = make()
    with torch.no_grad():
        for gate in layer.reset:
            gate.bias.fill_(-1e4)
    expected = sum(project(level) for project, level in zip(layer.project, maps, strict=True))
    torch.testing.assert_close(layer(maps, sentences).features, expected)


def test_every_parameter_learns() -> None:
    layer, maps, sentences = make(modulated=True)
    layer(maps, sentences).features.square().sum().backward()
    assert layer.gamma.shape == (3,)
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


def test_modulation_scales_each_channel_by_the_sentence() -> None:
    layer, maps, sentences = make(modulated=True)
    assert layer.modulate is not None
    with torch.no_grad():
        # tanh(atanh(0.5)) = 0.5 for the first level, nothing for the others
        for modulate in layer.modulate:
            modulate.weight.zero_()
            modulate.bias.zero_()
        plain = layer(maps, sentences).features
        layer.modulate[0].bias.fill_(torch.atanh(torch.tensor(0.5)).item())
        modulated = layer(maps, sentences).features
        layer.modulate[0].bias.zero_()
        layer.project[0].weight.mul_(1.5)
        layer.project[0].bias.mul_(1.5)
        by_hand = layer(maps, sentences).features
    assert not torch.allclose(plain, modulated)
    torch.testing.assert_close(modulated, by_hand)


def test_a_missing_level_is_refused() -> None:
    layer, maps, sentences = make()
    with pytest.raises(ValueError, match="zip"):
        layer(maps[:2], sentences[:2])
