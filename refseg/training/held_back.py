"""A model before and after training, measured on held-back images."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from refseg.data.refcoco import RefCocoDataset
from refseg.evaluation.protocol import evaluate_refcoco
from refseg.evaluation.tables import percent
from refseg.files import write_json
from refseg.inference.predictor import Predictor
from refseg.training.state import writing

FILE = "report.json"
FIGURES = ("n", "overall_iou", "mean_iou", "precision")
FEW = 20  # images


class HeldBackComparison:
    """Measures a model when it is created, and the trained one at the end. Raises CheckpointError or DataError."""

    def __init__(
        self,
        model: Path,
        held_back: RefCocoDataset,
        device: torch.device,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self._held_back, self._device, self._progress = held_back, device, progress
        self._before = self._measured(model)

    def conclude(self, model: Path, folder: Path, images: int) -> str:
        """Measure the trained model, write `folder`/report.json and return it as text; images: number of training
        images.

        {"n_train", "n_held_back": images, "before", "after": {"n", "overall_iou", "mean_iou", "precision": {"0.5":
        ...}}}, as `evaluate_refcoco` measures them, n being expressions.
        """
        after = self._measured(model)
        measured = sum(bool(self._held_back.referents_of(image)) for image in self._held_back.images)
        report = {"n_train": images, "n_held_back": measured, "before": self._before, "after": after}
        with writing(folder):
            write_json(folder / FILE, report)
        return verdict(report)

    def _measured(self, model: Path) -> dict[str, Any]:
        predictor = Predictor.load(model, device=str(self._device), precision="float32")
        result = evaluate_refcoco(predictor, self._held_back, progress=self._progress)
        return {name: result[name] for name in FIGURES}


def verdict(report: Mapping[str, Any]) -> str:
    """The report in a few lines, in percent, with a warning if the trained model is worse."""
    before, after = report["before"], report["after"]
    rows = (
        ("mean IoU", before["mean_iou"], after["mean_iou"]),
        ("precision@0.5", before["precision"]["0.5"], after["precision"]["0.5"]),
    )
    figures = ", ".join(f"{name} {percent(old)} before, {percent(new)} after" for name, old, new in rows)
    lines = [
        (
            f"trained on {report['n_train']} images; on {report['n_held_back']} held-back images with {after['n']}"
            f" expressions, in percent: {figures}"
        )
    ]
    if after["mean_iou"] < before["mean_iou"]:
        lines.append(
            "it is worse than before on held-back images: do not use it, keep the model that it was trained from"
        )
    elif after["mean_iou"] == before["mean_iou"]:
        lines.append("it is no better than before on held-back images")
    if report["n_held_back"] < FEW:
        lines.append("so few images are a small sample: a difference of some points may be chance")
    return "\n".join(lines)
