"""A run on disk: everything comes back, a resumed run goes on as if it had not stopped, damage is told."""

from pathlib import Path

import pytest
import torch

from refseg.errors import DataError
from refseg.models.compact import CompactConfig, CompactSystem
from refseg.models.system import LearningRates
from refseg.training.state import TENSORS, load_state, save_state

VOCABULARY = 30
Parts = tuple[CompactSystem, CompactSystem, torch.optim.AdamW]


def make(seed: int) -> Parts:
    torch.manual_seed(seed)
    network, average = (CompactSystem(CompactConfig.tiny(), VOCABULARY) for _ in range(2))
    return network, average, torch.optim.AdamW(network.parameter_groups(LearningRates(1e-2, 1e-2, 1e-2, 1e-2, 0.02)))


def train(parts: Parts, steps: range) -> None:
    network, _, optimizer = parts
    for step in steps:
        torch.manual_seed(step)  # what is left out at random
        generator = torch.Generator().manual_seed(step)
        images = torch.rand(2, 3, 64, 64, generator=generator)
        tokens = torch.randint(2, VOCABULARY, (2, 4), generator=generator)
        answer = network(images, tokens, torch.ones(2, 4, dtype=torch.bool))
        optimizer.zero_grad()
        said = (answer.logits - 1, answer.presence, answer.internals.selected.several)
        sum(part.square().mean() for part in said).backward()
        optimizer.step()


def test_a_resumed_run_equals_one_that_never_stopped(tmp_path: Path) -> None:
    straight = make(0)
    train(straight, range(4))
    first = make(0)
    train(first, range(2))
    save_state(tmp_path, *first, {"step": 2, "recipe": "test"})
    second = make(1)
    assert load_state(tmp_path, *second) == {"step": 2, "recipe": "test"}
    for saved, loaded in zip(first[:2], second[:2], strict=True):
        assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in saved.state_dict().items())
    train(second, range(2, 4))
    for name, value in straight[0].state_dict().items():
        torch.testing.assert_close(
            second[0].state_dict()[name], value, rtol=0, atol=0, msg=lambda text, name=name: f"{name}: {text}"
        )


def test_the_optimizers_moments_come_back(tmp_path: Path) -> None:
    first = make(0)
    train(first, range(2))
    save_state(tmp_path, *first, {"step": 2})
    second = make(1)
    load_state(tmp_path, *second)
    for ours, theirs in zip(first[0].parameters(), second[0].parameters(), strict=True):
        saved, loaded = first[2].state[ours], second[2].state[theirs]
        assert saved.keys() == loaded.keys() == {"step", "exp_avg", "exp_avg_sq"}
        assert float(loaded["step"]) == 2
        assert torch.equal(saved["exp_avg"], loaded["exp_avg"]) and torch.equal(
            saved["exp_avg_sq"], loaded["exp_avg_sq"]
        )


def test_frozen_parameters_have_no_moments_and_that_is_kept(tmp_path: Path) -> None:
    first = make(0)
    first[0].dense.backbone.requires_grad_(False)
    train(first, range(1))
    save_state(tmp_path, *first, {"step": 1})
    second = make(1)
    load_state(tmp_path, *second)
    assert all(not second[2].state[parameter] for parameter in second[0].dense.backbone.parameters())
    assert all(second[2].state[parameter] for parameter in second[0].dense.attention.parameters())


def test_saving_replaces_the_earlier_state_and_leaves_no_other_file(tmp_path: Path) -> None:
    parts = make(0)
    for step in (1, 2):
        save_state(tmp_path, *parts, {"step": step})
    assert [path.name for path in tmp_path.iterdir()] == [TENSORS]
    assert load_state(tmp_path, *parts)["step"] == 2


def test_nothing_to_resume(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot resume from .*start without --resume"):
        load_state(tmp_path, *make(0))


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    parts = make(0)
    save_state(tmp_path, *parts, {"step": 1})
    whole = (tmp_path / TENSORS).read_bytes()
    (tmp_path / TENSORS).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cannot resume from"):
        load_state(tmp_path, *parts)


def test_another_networks_state_is_refused(tmp_path: Path) -> None:
    save_state(tmp_path, *make(0), {"step": 1})
    other = CompactSystem(CompactConfig.tiny(), VOCABULARY + 1)
    with pytest.raises(DataError, match="cannot resume from"):
        load_state(tmp_path, other, other, torch.optim.AdamW(other.parameters()))
