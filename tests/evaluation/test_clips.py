"""Measures of clips: on masks whose figures are known, and through the command."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from refseg.cli import main
from refseg.data.sequences import LabeledClip, read_sequences
from refseg.errors import DataError
from refseg.evaluation.clips import evaluate_sequences
from refseg.images import save_png
from refseg.video.reader import Frame

BoolMask = NDArray[np.bool_]


def box(x: int, y: int, side: int = 20, size: tuple[int, int] = (60, 90)) -> BoolMask:
    mask = np.zeros(size, dtype=bool)
    mask[y : y + side, x : x + side] = True
    return mask


@dataclass
class Answer:
    found: BoolMask

    def mask(self, threshold: float | None = None, refine: str = "none") -> BoolMask:
        return self.found


@dataclass
class Result:
    segmentation: Answer


class Oracle:
    """Answers with the labels of every clip, but shifted for expressions that say so."""

    def run(self, clip: LabeledClip, expression: str) -> Iterator[Result]:
        for number in range(len(clip)):
            yield Result(Answer(np.roll(clip.mask(number), 10 if "shifted" in expression else 0, axis=1)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two clips of a box: one stays for three frames, one jumps between two."""
    for name, masks in (("still", [box(10, 10)] * 3), ("jumps", [box(10, 10), box(20, 10)])):
        for kind in ("images", "masks"):
            (tmp_path / "data" / kind / name).mkdir(parents=True)
        for number, mask in enumerate(masks):
            save_png(tmp_path / "data" / "masks" / name / f"{number:05d}.png", mask.astype(np.uint8) * 255)
            picture = np.where(mask[..., None], np.uint8(200), np.uint8(90)).repeat(3, axis=2)
            cv2.imwrite(str(tmp_path / "data" / "images" / name / f"{number:05d}.jpg"), picture)
    said = {"still": ["box", "shifted box"], "jumps": ["box"]}
    (tmp_path / "data" / "expressions.json").write_text(json.dumps(said), encoding="utf-8")
    return tmp_path / "data"


def test_means_go_over_frames_expressions_and_clips(root: Path) -> None:
    told: list[tuple[int, int]] = []
    result = evaluate_sequences(Oracle(), read_sequences(root), progress=lambda done, total: told.append((done, total)))
    half = 200 / 600  # a box of 20 shifted by 10
    assert result["n"] == 8 and told[-1] == (8, 8)
    assert result["sequences"]["jumps"] == {"mean_iou": 1, "boundary_f": 1, "instability": 0}
    assert result["sequences"]["still"]["mean_iou"] == pytest.approx((1 + half) / 2)
    assert result["mean_iou"] == pytest.approx((1 + (1 + half) / 2) / 2)
    assert result["j_and_f"] == pytest.approx((result["mean_iou"] + result["boundary_f"]) / 2)
    assert result["overall_iou"] == pytest.approx((5 * 400 + 3 * 200) / (5 * 400 + 3 * 600))
    assert result["precision"]["0.5"] == pytest.approx(5 / 8)
    assert json.loads(json.dumps(result)) == result


def test_unsteadiness_is_measured_against_the_labels(root: Path) -> None:
    class Wanders:
        def run(self, clip: LabeledClip, expression: str) -> Iterator[Result]:
            for number in range(len(clip)):
                yield Result(Answer(box(10 + 10 * (number % 2), 10)))

    figures = evaluate_sequences(Wanders(), read_sequences(root))["sequences"]
    assert figures["still"]["instability"] == pytest.approx(1 - 200 / 600)
    assert figures["jumps"]["instability"] == 0  # the thing itself jumps


def test_frames_come_in_order_with_their_masks(root: Path) -> None:
    jumps, still = read_sequences(root)
    assert (jumps.name, still.name, len(still)) == ("jumps", "still", 3)
    frames = list(jumps.frames())
    assert [frame.number for frame in frames] == [0, 1] and isinstance(frames[0], Frame)
    assert jumps.mask(1)[15, 35] and not jumps.mask(0)[15, 35]


def test_folders_that_do_not_fit_are_refused(root: Path) -> None:
    (root / "masks" / "still" / "00001.png").unlink()
    with pytest.raises(DataError, match=r"lacks 00001\.png"):
        read_sequences(root)
    (root / "expressions.json").write_text('{"../still": ["x"]}', encoding="utf-8")
    with pytest.raises(DataError, match="expected the name of a folder"):
        read_sequences(root)
    for text in ("[]", "{", '{"still": []}', "{}"):
        (root / "expressions.json").write_text(text, encoding="utf-8")
        with pytest.raises(DataError):
            read_sequences(root)
    with pytest.raises(DataError, match="expected at least one"):
        evaluate_sequences(Oracle(), [])


def test_the_command_prints_and_writes(
    root: Path, tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", "--data", str(root), "--format", "sequences", "--model", str(tiny_checkpoint)]
    assert main([*arguments, "--json", str(tmp_path / "f.json")]) == 0
    result = json.loads((tmp_path / "f.json").read_text(encoding="utf-8"))
    assert {"n", "overall_iou", "mean_iou", "precision", "seconds", "protocol", "boundary_f", "instability"} <= set(
        result
    )
    assert result["n"] == 8 and set(result["precision"]) == {"0.5", "0.6", "0.7", "0.8", "0.9"}
    assert result["model"] == "tiny" and len(result["weights_sha256"]) == 64
    assert "if the model's verdict is no-target the mask is empty" in result["protocol"]
    printed = capsys.readouterr().out
    assert "region J" in printed and "still" in printed and "8 frames" in printed
    assert main([*arguments, "--split", "val"]) == 2
    assert "--split cannot be used" in capsys.readouterr().err
