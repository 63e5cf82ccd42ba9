"""Whether training on has helped: a model before and after, on pictures that were held back."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from refseg.data.refcoco import RefCocoDataset
from refseg.evaluation.protocol import evaluate_refcoco
from refseg.evaluation.tables import percent
from refseg.files import replacing
from refseg.inference.predictor import Predictor
from refseg.training.state import writing

FILE = "report.json"
FIGURES = ("n", "overall_iou", "mean_iou", "precision")
FEW = 20  # pictures


class Comparison:
    """Measures a model when it is made, and the one that training made of it in the end. Raises CheckpointError or DataError."""

    def __init__(
        self, model: Path, held_back: RefCocoDataset, device: torch.device, progress: Callable[[int, int], None] | None = None
    ) -> None:
        self._held_back, self._device, self._progress = held_back, device, progress
        self._before = self._measured(model)

    def conclude(self, model: Path, folder: Path, pictures: int) -> str:
        """Measure the trained model, write `folder`/report.json and return it in words; pictures: how many were trained on.

        {"n_train", "n_held_back": pictures, "before", "after": {"n", "overall_iou", "mean_iou", "precision": {"0.5": ...}}}, as `evaluate_refcoco`
        measures them, n being expressions.
        """
        after, images = self._measured(model), self._held_back.images
        told = sum(bool(self._held_back.referents_of(image)) for image in images)
        report = {"n_train": pictures, "n_held_back": told, "before": self._before, "after": after}
        with writing(folder), replacing(folder / FILE) as temporary:
            temporary.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        return verdict(report)

    def _measured(self, model: Path) -> dict[str, Any]:
        predictor = Predictor.load(model, device=str(self._device), precision="float32")
        result = evaluate_refcoco(predictor, self._held_back, progress=self._progress)
        return {name: result[name] for name in FIGURES}


def verdict(report: Mapping[str, Any]) -> str:
    """The report in a few lines, in per cent, and when the trained model is better not used."""
    before, after = report["before"], report["after"]
    rows = (("mean IoU", before["mean_iou"], after["mean_iou"]), ("precision@0.5", before["precision"]["0.5"], after["precision"]["0.5"]))
    figures = ", ".join(f"{name} {percent(old)} before, {percent(new)} after" for name, old, new in rows)
    lines = [
        f"trained on {report['n_train']} pictures; on {report['n_held_back']} held-back pictures with {after['n']} expressions, in per cent: {figures}"
    ]
    if after["mean_iou"] < before["mean_iou"]:
        lines.append("it is worse than before on pictures that it was not trained on: do not use it, keep the model that it was made from")
    elif after["mean_iou"] == before["mean_iou"]:
        lines.append("it is no better than before on pictures that it was not trained on")
    if report["n_held_back"] < FEW:
        lines.append("so few pictures say little: a difference of some points may be chance")
    return "\n".join(lines)
