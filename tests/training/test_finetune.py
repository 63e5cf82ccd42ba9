"""The recipe for people's own projects, with a tiny model in place of the embedded one: a project in, a trained model
and a report out.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from refseg.annotation.project import Project
from refseg.annotation.records import Annotation
from refseg.cli import main
from refseg.data.masks import encode_rle
from refseg.errors import DataError
from refseg.inference.calibration import PresenceCalibration
from refseg.inference.checkpoint import load_checkpoint, save_checkpoint
from refseg.models.compact import CompactConfig
from refseg.training.held_back import verdict
from refseg.training.recipe import Recipe, load_recipe
from tests.commands.console import Capture

PRESENCE = PresenceCalibration(1.5, 0.25, 1e-6)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Eight accepted pictures with a red ball ("the zyx", a new word) left and a blue one right."""
    made, rng = Project.create(tmp_path / "project"), np.random.default_rng(0)
    for number in range(8):
        picture, annotations = np.full((60, 80, 3), 128, np.uint8), []
        for x, colour, said in ((2, (0, 0, 220), "the zyx"), (42, (220, 0, 0), "the blue ball on the right")):
            left, top, mask = x + int(rng.integers(12)), int(rng.integers(5, 30)), np.zeros((60, 80), bool)
            mask[top : top + 20, left : left + 20] = True
            picture[mask] = colour
            annotations.append(Annotation(str(x), (said,), "sports ball", mask=encode_rle(mask)))
        annotations.append(Annotation("absent", ("the green dog",), no_target=True))
        path = tmp_path / f"{number}.png"
        path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
        made.save(replace(made.add_image(path), annotations=tuple(annotations), state="accepted"))
    return made.folder


@pytest.fixture
def model(tiny_network: Any, tiny_vocabulary: Any, tmp_path: Path) -> Path:
    """A tiny model with a threshold and a calibration of its own."""
    folder = tmp_path / "model"
    save_checkpoint(
        folder, tiny_network, tiny_vocabulary, {"recipe": "none", "steps": 3}, threshold=0.4, presence=PRESENCE
    )
    return folder


def finetune(project: Path, model: Path, output: Path, *more: str) -> int:
    arguments = ["--data", str(project), "--output", str(output), "--model", str(model), "--device", "cpu"]
    return main(["train", "--recipe", "finetune", *arguments, *more])


def test_a_model_learns_a_project(project: Path, model: Path, tmp_path: Path, capsys: Capture) -> None:
    assert finetune(project, model, tmp_path / "run", "--steps", "8") == 0
    told = capsys.readouterr().out
    assert told.endswith(f"{tmp_path / 'run' / 'checkpoint'}\n")
    report = json.loads((tmp_path / "run" / "report.json").read_text(encoding="utf-8"))
    assert report["n_train"] + report["n_held_back"] == 8 and report["before"]["n"] == 2 * report["n_held_back"] > 0
    assert set(report["before"]) == set(report["after"]) == {"n", "overall_iou", "mean_iou", "precision"}
    assert verdict(report) in told

    before, _, _ = load_checkpoint(model)
    after, vocabulary, config = load_checkpoint(tmp_path / "run" / "checkpoint")
    assert "zyx" in vocabulary and config["threshold"] == 0.4 and config["presence"] == PRESENCE.to_dict()
    assert config["training"]["recipe"] == "finetune" and config["training"]["from"]["training"] == {
        "recipe": "none",
        "steps": 3,
    }
    (phase,) = load_recipe("finetune").phases
    pairs = [
        (".".join(name.split(".")[:2]), value, before.get_parameter(name)) for name, value in after.named_parameters()
    ]
    changed = {part for part, new, old in pairs if not torch.equal(new[: len(old)] if old.ndim else new, old)}
    assert changed == {part for part, *_ in pairs} - set(phase.frozen) - {"dense.backbone"}


def test_a_stopped_run_goes_on_exactly(project: Path, model: Path, tmp_path: Path) -> None:
    assert finetune(project, model, tmp_path / "straight", "--steps", "2") == 0
    assert finetune(project, model, tmp_path / "stopped", "--steps", "1") == 0
    assert finetune(project, model, tmp_path / "stopped", "--steps", "2", "--resume") == 0
    straight, stopped = (
        load_checkpoint(tmp_path / name / "checkpoint")[0].state_dict() for name in ("straight", "stopped")
    )
    for name, value in straight.items():
        torch.testing.assert_close(stopped[name], value, rtol=0, atol=0, msg=lambda text, name=name: f"{name}: {text}")


def test_a_project_with_too_little(project: Path, model: Path, tmp_path: Path, capsys: Capture) -> None:
    opened = Project.open(project)
    for entry in opened.summaries[:4]:
        opened.save(replace(opened.record(entry.name), state="corrected"))
    assert finetune(project, model, tmp_path / "run") == 2
    assert "has 4 accepted images with a mask and an expression. Expected at least 5" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def scores(mean_iou: float) -> dict[str, Any]:
    return {"n": 30, "overall_iou": 0.5, "mean_iou": mean_iou, "precision": {"0.5": 0.25}}


@pytest.mark.parametrize(
    ("after", "pictures", "said"),
    [
        (0.6, 20, []),
        (0.5, 20, ["no better"]),
        (0.4, 20, ["do not use it"]),
        (0.6, 19, ["chance"]),
        (0.4, 3, ["do not use it", "chance"]),
    ],
)
def test_the_verdict_says_when_a_model_is_not_to_be_used(after: float, pictures: int, said: list[str]) -> None:
    first, *more = verdict(
        {"n_train": 40, "n_held_back": pictures, "before": scores(0.5), "after": scores(after)}
    ).splitlines()
    assert (
        f"mean IoU 50.0 before, {100 * after:.1f} after" in first
        and f"{pictures} held-back images with 30 expressions" in first
    )
    assert len(more) == len(said) and all(words in line for words, line in zip(said, more, strict=True))


@pytest.mark.parametrize(
    "known",
    [
        {"network": None},
        {"network": CompactConfig.tiny(), "model": "embedded"},
        {"network": CompactConfig.tiny(), "measured": "."},
    ],
)
def test_a_recipe_begins_with_one_thing(known: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="recipe 'odd'"):
        Recipe("odd", sources=(), phases=(), **known)
