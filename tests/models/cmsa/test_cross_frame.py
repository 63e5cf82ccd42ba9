"""Cross-frame self-attention: the definition for one window, and the sliding form, both against the materialised
reference.
"""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from refseg.inference.video import window_around
from refseg.models.cmsa.cross_frame import CrossFrameSelfAttention, add_response
from refseg.models.cmsa.sliding import SlidingAttention, floats_held
from tests.models import reference

VISUAL, WIDTH, GRID = 6, 5, (4, 2)


DEVIATIONS = {"biases": True, "scaled": True, "mean_received": True, "zero_start": True}  # of the embedded model


def layer(stride: int = 1, sharpness: float = 1.0, seed: int = 0, literal: bool = False) -> CrossFrameSelfAttention:
    torch.manual_seed(seed)
    made = CrossFrameSelfAttention(VISUAL, WIDTH, stride, **({} if literal else DEVIATIONS)).double()
    with torch.no_grad():
        made.output.weight.normal_()
        if made.scale is None:
            made.query.weight *= sharpness
        else:
            made.scale.fill_(sharpness)
    return made


def clip(frames: int, seed: int = 1) -> Tensor:
    return torch.randn(
        frames, GRID[0] * GRID[1], VISUAL, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )


@pytest.mark.parametrize("literal", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("frames", [1, 2, 5])
def test_one_window_is_the_definition(frames: int, stride: int, literal: bool) -> None:
    attention, visual = layer(stride, literal=literal), clip(frames)
    with torch.no_grad():
        got, (response, weights) = attention(visual, GRID), reference.cross_frame(attention, visual, GRID)
    torch.testing.assert_close(got.response, response, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(got.weights, weights, rtol=1e-10, atol=1e-12)


@settings(deadline=None, max_examples=20)
@given(
    frames=st.integers(1, 9),
    tau=st.integers(0, 3),
    stride=st.sampled_from([1, 2]),
    sharpness=st.floats(0.01, 30),
    seed=st.integers(0, 999),
    literal=st.booleans(),
)
def test_sliding_equals_the_definition_at_every_frame_also_where_windows_are_cut(
    frames: int, tau: int, stride: int, sharpness: float, seed: int, literal: bool
) -> None:
    attention, visual = layer(stride, sharpness, seed, literal), clip(frames, seed)
    sliding, target = SlidingAttention(attention, tau), 0
    for pushed in range(frames):
        sliding.push(visual[pushed : pushed + 1], GRID)
        while (
            target < frames and window_around(target, tau, frames)[1] <= pushed
        ):  # as a reader of a clip does: as soon as the window is there
            first, last = window_around(target, tau, frames)
            got = sliding.pool(first, last)
            response, weights = reference.cross_frame(attention, visual[first : last + 1], GRID)
            torch.testing.assert_close(got.response, response, rtol=1e-8, atol=1e-9)
            torch.testing.assert_close(got.weights, weights, rtol=1e-8, atol=1e-9)
            target += 1
    assert target == frames


def test_huge_logits_stay_numbers() -> None:
    attention, visual = layer(sharpness=1e6), clip(7)
    sliding = SlidingAttention(attention, 3)
    for frame in visual:
        sliding.push(frame.unsqueeze(0), GRID)
    got = sliding.pool(0, 6)
    with torch.no_grad():
        torch.testing.assert_close(got, attention(visual, GRID), rtol=1e-8, atol=1e-9)


def test_single_precision_agrees_to_rounding() -> None:
    attention, visual = layer().float(), clip(11).float()
    sliding = SlidingAttention(attention, 5)
    for frame in visual:
        sliding.push(frame.unsqueeze(0), GRID)
    response, weights = reference.cross_frame(attention, visual, GRID)
    torch.testing.assert_close(sliding.pool(0, 10).response, response, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(sliding.pool(0, 10).weights, weights, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_autocast_does_not_reach_the_window(dtype: torch.dtype) -> None:
    """Logits, exponentials and their merger stay float32, as in the definition."""
    attention, visual = layer(sharpness=3).float(), clip(7).to(dtype)
    sliding = SlidingAttention(attention, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for frame in visual:
            sliding.push(frame.unsqueeze(0), GRID)
        got = sliding.pool(0, 6)
    with torch.no_grad():
        expected = attention(visual, GRID)
    assert got.response.dtype == got.weights.dtype == torch.float32
    torch.testing.assert_close(got.response, expected.response, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(got.weights, expected.weights, rtol=1e-5, atol=1e-6)


def test_frames_that_are_gone_or_not_there_yet_are_refused() -> None:
    sliding = SlidingAttention(layer(), 1)
    for frame in clip(5):
        sliding.push(frame.unsqueeze(0), GRID)
    for first, last in ((1, 3), (3, 5), (4, 3)):
        with pytest.raises(ValueError, match="2 to 4, which are held"):
            sliding.pool(first, last)
    sliding.pool(2, 4)


def test_memory_is_that_of_the_window() -> None:
    sliding = SlidingAttention(layer(), 2)
    held = []
    for frame in clip(40):
        sliding.push(frame.unsqueeze(0), GRID)
        held.append(
            sum(value.untyped_storage().nbytes() for value in vars(sliding).values() if isinstance(value, Tensor))
        )
    positions = GRID[0] * GRID[1]
    assert held[0] == held[-1] == 8 * floats_held(positions, positions, WIDTH, tau=2)


def test_an_untrained_layer_changes_nothing_and_lengths_are_kept() -> None:
    visual = torch.nn.functional.normalize(clip(3), dim=-1) * 2.5
    with torch.no_grad():
        untouched = add_response(
            visual, CrossFrameSelfAttention(VISUAL, WIDTH, zero_start=True).double()(visual, GRID).response, True
        )
        changed = add_response(visual, layer()(visual, GRID).response, True)
        plain = add_response(visual, layer()(visual, GRID).response, False)
    torch.testing.assert_close(untouched, visual)
    assert not torch.allclose(changed, visual)
    torch.testing.assert_close(plain, visual + layer()(visual, GRID).response)
    torch.testing.assert_close(changed.norm(dim=-1), torch.full(changed.shape[:-1], 2.5, dtype=torch.float64))


def test_every_parameter_learns() -> None:
    attention = layer(stride=2)
    pooled = attention(clip(3), GRID)
    (pooled.response.square().sum() + (pooled.weights * torch.arange(3.0).double()).sum()).backward()
    for name, parameter in attention.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


def test_windows_are_cut_at_the_ends() -> None:
    assert [window_around(t, 2, 5) for t in range(5)] == [(0, 2), (0, 3), (0, 4), (1, 4), (2, 4)]
    assert window_around(7, 5) == (2, 12)
    assert window_around(0, 5, 1) == (0, 0)


@pytest.mark.parametrize("stride", [0, 3])
def test_impossible_strides_are_refused(stride: int) -> None:
    with pytest.raises(ValueError, match="stride"):
        CrossFrameSelfAttention(VISUAL, WIDTH, stride).double()(clip(1), GRID)
