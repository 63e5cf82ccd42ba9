"""A whole run in miniature: data on disk in, a checkpoint out; interrupted and resumed."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from refseg.cli import main
from refseg.errors import DataError, DeviceError, InputError
from refseg.inference.checkpoint import load_checkpoint
from refseg.models.backbones import PlainBackbone
from refseg.training.loop import train_from_recipe
from refseg.training.regions.cache_file import FILE
from refseg.training.state import TENSORS


def test_a_run_leaves_a_checkpoint_and_resumes(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output, recipe = tmp_path / "run", str(data / "recipe.py")
    monkeypatch.setattr("refseg.training.meter.LOG_EVERY", 1)
    folder = train_from_recipe(recipe, data, output, steps=1, device="cpu")
    first, vocabulary, config = load_checkpoint(folder)
    assert config["training"]["steps"] == 1
    assert "ball" in vocabulary

    resumed = main(
        ["train", "--recipe", recipe, "--data", str(data), "--output", str(output), "--resume", "--device", "cpu"]
    )
    assert resumed == 0
    last, _, config = load_checkpoint(folder)
    assert config["training"]["steps"] == 10
    assert 0 < config["presence"]["threshold"] < 1  # measured on the held-back picture
    log = [json.loads(line) for line in (output / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(row["step"], row["phase"]) for row in log] == [
        *((1, "head"), (2, "head"), (3, "selection"), (4, "instances"), (5, "whole"), (6, "whole")),
        *((step, "clips") for step in range(7, 11)),
    ]
    assert "right" in log[2] and "matched" in log[3] and "selection" in log[4] and "selection" not in log[0]
    for name, value in last.named_parameters():
        moved = not torch.equal(value, first.get_parameter(name))
        assert moved or value.numel() == 1 or name.endswith("bias"), f"{name} was never trained"


def test_a_phase_of_clips_leaves_the_answers_about_pictures_as_they_are(data: Path, tmp_path: Path) -> None:
    output, recipe = tmp_path / "run", str(data / "recipe.py")
    before, _, _ = load_checkpoint(train_from_recipe(recipe, data, output, steps=6, device="cpu"))
    after, _, _ = load_checkpoint(train_from_recipe(recipe, data, output, resume=True, device="cpu"))
    for name, value in after.named_parameters():
        # the gate is fitted at the end of every run
        assert torch.equal(value, before.get_parameter(name)) != name.startswith(
            ("dense.cross_frame", "branch.gate", "branch.certainty")
        ), name


def test_a_phase_of_number_teaches_its_reader_and_nothing_else(data: Path, tmp_path: Path) -> None:
    recipe, output = data / "recipe.py", tmp_path / "run"
    text = recipe.read_text(encoding="utf-8")
    recipe.write_text(
        text.replace('"clips", task="clips"', '"number", task="number", trained=("branch.number",)'), encoding="utf-8"
    )
    before, _, _ = load_checkpoint(train_from_recipe(str(recipe), data, output, steps=6, device="cpu"))
    after, _, _ = load_checkpoint(train_from_recipe(str(recipe), data, output, resume=True, device="cpu"))
    changed = {
        ".".join(name.split(".")[:2])
        for name, value in after.named_parameters()
        if not torch.equal(value, before.get_parameter(name))
    }
    assert changed - {"branch.gate", "branch.certainty"} == {"branch.number"}


def test_a_phase_of_number_needs_a_reader_of_it(data: Path, tmp_path: Path) -> None:
    recipe = data / "recipe.py"
    text = recipe.read_text(encoding="utf-8").replace('"clips", task="clips"', '"number", task="number"')
    recipe.write_text(text.replace("cross_frame=8", "number=False"), encoding="utf-8")
    with pytest.raises(DataError, match="expected `number` in its configuration"):
        train_from_recipe(str(recipe), data, tmp_path / "run", device="cpu")


class NormalisedBackbone(PlainBackbone):
    """With batch normalisation, as the paper's backbone has it."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.stride4.append(nn.BatchNorm2d(width))


def test_what_batch_normalisation_has_seen_is_kept(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "refseg.models.cmsa.network.build_backbone", lambda name, names, width: NormalisedBackbone(width)
    )
    output, recipe, mean = tmp_path / "run", str(data / "recipe.py"), "dense.backbone.stride4.2.running_mean"
    train_from_recipe(recipe, data, output, steps=4, device="cpu")
    frozen = load_file(output / TENSORS)
    assert not frozen[f"network/{mean}"].any(), "a frozen backbone sees nothing"
    train_from_recipe(recipe, data, output, resume=True, steps=6, device="cpu")
    seen = load_file(output / TENSORS)
    assert seen[f"network/{mean}"].any() and torch.equal(seen[f"average/{mean}"], seen[f"network/{mean}"])
    last, _, _ = load_checkpoint(train_from_recipe(recipe, data, output, resume=True, device="cpu"))
    torch.testing.assert_close(
        last.get_buffer(mean), seen[f"average/{mean}"], rtol=1e-3, atol=1e-4
    )  # after clips; kept in float16


def test_nothing_to_resume(data: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="without --resume"):
        train_from_recipe(str(data / "recipe.py"), data, tmp_path / "run", resume=True, device="cpu")


@pytest.mark.parametrize("taken", ["log.jsonl", TENSORS, FILE, "checkpoint"])
def test_an_output_that_cannot_be_written(
    taken: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("refseg.training.meter.LOG_EVERY", 1)
    place = tmp_path / "run" / taken
    if taken == "checkpoint":
        place.parent.mkdir()
        place.write_bytes(b"")
    else:
        place.mkdir(parents=True)
    with pytest.raises(InputError, match=f"cannot write to {tmp_path / 'run'} "):
        train_from_recipe(str(data / "recipe.py"), data, tmp_path / "run", steps=3, device="cpu")


def test_an_output_below_a_file(data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match=r"cannot write to .*file"):
        train_from_recipe(str(data / "recipe.py"), data, tmp_path / "file" / "run", device="cpu")


def test_a_device_that_is_none(data: Path, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="expected auto, cpu"):
        train_from_recipe(str(data / "recipe.py"), data, tmp_path / "run", device="abacus")
