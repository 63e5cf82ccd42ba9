"""`evaluate` on a dataset of three expressions."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from refseg.cli import main
from refseg.images import save_png
from tests.commands.console import Capture, complaint, tree


@pytest.fixture
def dataset_path(tmp_path: Path, sample_image: NDArray[np.uint8]) -> Path:
    """Two images and three expressions, one of which has no words."""
    root = tmp_path / "data"
    (root / "images").mkdir(parents=True)
    images, annotations, references = [], [], []
    for number, (split, sentences) in enumerate((("val", ["the red circle", "left"]), ("train", ["!"])), start=1):
        save_png(root / "images" / f"{number}.png", sample_image)
        images.append({"id": number, "file_name": f"{number}.png", "width": 90, "height": 60})
        square = [[10, 15, 35, 15, 35, 45, 10, 45]]
        annotations.append({"id": number, "image_id": number, "category_id": 1, "segmentation": square, "iscrowd": 0})
        sentences_ = [{"sent": sentence} for sentence in sentences]
        references.append(
            {"ref_id": number, "ann_id": number, "image_id": number, "split": split, "sentences": sentences_}
        )
    coco = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "object"}]}
    (root / "instances.json").write_text(json.dumps(coco), encoding="utf-8")
    (root / "expressions.json").write_text(json.dumps(references), encoding="utf-8")
    return root


def test_evaluate(dataset_path: Path, tiny_checkpoint: Path, tmp_path: Path, capsys: Capture) -> None:
    target = tmp_path / "new" / "figures.json"
    base = [
        "evaluate",
        "--data",
        str(dataset_path),
        "--format",
        "refcoco",
        "--model",
        str(tiny_checkpoint),
        "--device",
        "cpu",
    ]
    assert main([*base, "--split", "val", "--json", str(target)]) == 0
    printed = capsys.readouterr()
    assert "overall IoU" in printed.out and "P@0.5" in printed.out and printed.err == ""
    figures = json.loads(target.read_text(encoding="utf-8"))
    assert set(figures) >= {"n", "overall_iou", "mean_iou", "precision", "seconds", "protocol"}
    assert figures["n"] == 2 and set(figures["precision"]) == {"0.5", "0.6", "0.7", "0.8", "0.9"}
    config = json.loads((tiny_checkpoint / "config.json").read_text(encoding="utf-8"))
    assert (figures["model"], figures["weights_sha256"]) == ("tiny", config["weights_sha256"])
    assert tree(target.parent) == {"figures.json"}
    assert main([*base, "--threshold", "0.3", "--limit", "2"]) == 0
    assert "3 expressions, 2 images" in capsys.readouterr().out
    assert main([*base, "--absent", "3", "--json", str(target)]) == 0
    assert "Verdict" in capsys.readouterr().out
    assert json.loads(target.read_text(encoding="utf-8"))["absence"]["present"] == 2
    assert main([*base, "--split", "test"]) == 2
    assert "got the split 'test', expected one of train, val" in complaint(capsys)
    assert main([*base, "--json", str(dataset_path)]) == 2
    assert "cannot write to" in complaint(capsys)
