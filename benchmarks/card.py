"""Figures and images of a model card.

    python -m benchmarks.card --model runs/compact/checkpoint --data DATA --output checkpoints/cmsa [--photos FOLDER]

Evaluates the `val` splits of DATA/coco, objects and clothing. Prints:

- the tables of the card, as Markdown;
- the rates of right and wrong no-target verdicts on `coco`;
- the mean IoU by quarters of uncertainty;
- the quality for expressions that name several objects.

Writes into the output folder calibration.png (presence score against the share of objects that are present), masks.png
(twelve random expressions) and failures.png (six random expressions with an IoU below 0.2). The sheets show masks
without photos, because the licenses of the photos do not allow publication. With --photos FOLDER, sheets with photos
are written into that folder.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from refseg.data.refcoco import RefCocoDataset, read_refcoco
from refseg.data.scenes import RefCocoScenes
from refseg.data.templates import make_templates
from refseg.evaluation.metrics import THRESHOLDS, mean_iou, precision_at
from refseg.evaluation.no_target import PresenceSamples, presence_samples, summarize_no_target
from refseg.evaluation.protocol import evaluate_refcoco
from refseg.evaluation.tables import percent, table
from refseg.images import load_image
from refseg.inference.calibration import PresenceCalibration
from refseg.inference.predictor import Predictor
from refseg.mask_iou import iou
from refseg.rendering import overlay
from refseg.training.calibrate import fit

mpl.use("Agg")
import matplotlib.pyplot as plt

SPLITS = ("coco", "objects", "clothing")
SEED, EXAMPLE_COUNT, FAILURE_COUNT, FAILURE_IOU = 0, 12, 6, 0.2


@dataclass(frozen=True)
class Sample:
    """Answer to one expression.

    Attributes:
        image: path of the image.
        text: the expression.
        mask: the answer, at the size of the image.
        iou: IoU of the mask with the labeled object.
        no_target: whether the verdict was no-target.
        uncertainty: uncertainty of the answer, 0..1.
    """

    image: Path
    text: str
    mask: NDArray[np.bool_]
    iou: float
    no_target: bool
    uncertainty: float


def main() -> None:
    """Evaluate the model, print the figures and write the images."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="checkpoint folder (default: the embedded model)")
    parser.add_argument("--data", type=Path, required=True, help="folder of the datasets coco, objects and clothing")
    parser.add_argument("--output", type=Path, required=True, help="folder for the images")
    parser.add_argument("--photos", type=Path, help="also write sheets with photos into this folder")
    arguments = parser.parse_args()
    predictor = Predictor.load(arguments.model)
    results = {name: evaluate_refcoco(predictor, read_refcoco(arguments.data / name, "val")) for name in SPLITS}
    print(tables(results))
    coco = read_refcoco(arguments.data / "coco", "val")
    raw = presence_samples(_uncalibrated(predictor), coco)
    summary = summarize_no_target(cross_calibrated(raw))
    print(json.dumps({key: value for key, value in summary.items() if key != "calibration"}, indent=1))
    draw_calibration(summary, arguments.output / "calibration.png")
    samples = answer_all(predictor, coco)
    quarters = iou_by_uncertainty(samples)
    print("mean IoU by quarters of uncertainty, most certain first:", *(percent(value) for value in quarters))
    scenes = RefCocoScenes(arguments.data / "coco", "val", complete=True)
    overlaps = [iou(mask, target) for mask, target in answer_plurals(predictor, scenes)]
    print(
        f"{len(overlaps)} template expressions about several objects: mean IoU {percent(mean_iou(overlaps))}, "
        f"P@0.5 {percent(precision_at(overlaps, 0.5))}"
    )
    rng = np.random.default_rng(SEED)
    examples = [samples[int(i)] for i in rng.permutation(len(samples))[:EXAMPLE_COUNT]]
    failed = [sample for sample in samples if sample.iou < FAILURE_IOU]
    failures = [failed[int(i)] for i in rng.permutation(len(failed))[:FAILURE_COUNT]]
    for name, drawn in (("masks.png", examples), ("failures.png", failures)):
        draw_sheet(drawn, arguments.output / name, photos=False)
        if arguments.photos is not None:
            arguments.photos.mkdir(parents=True, exist_ok=True)
            draw_sheet(drawn, arguments.photos / name, photos=True)


def tables(results: dict[str, dict[str, Any]]) -> str:
    """Return two Markdown tables: the splits, and the kinds of expressions of each split."""
    precisions = [f"P@{threshold}" for threshold in THRESHOLDS]
    header = ["split", "images", "expressions", "mean IoU", "overall IoU", *precisions, "right one of its category"]
    rows = []
    for name, r in results.items():
        choice = r["disambiguation"]
        picked = f"{percent(choice['accuracy'])} of {choice['n']}" if choice["n"] else "-"
        figures = [
            percent(r["mean_iou"]),
            percent(r["overall_iou"]),
            *(percent(r["precision"][str(t)]) for t in THRESHOLDS),
        ]
        rows.append([f"`{name}` val", str(r["images"]), str(r["n"]), *figures, picked])
    kinds = [
        [f"`{name}`: {kind}", str(k["n"]), percent(k["mean_iou"]), percent(k["precision"]["0.5"])]
        for name, r in results.items()
        for kind, k in r["kinds"].items()
        if k["n"]
    ]
    return (
        table(header, rows, "markdown")
        + "\n\n"
        + table(["kind of expression", "n", "mean IoU", "P@0.5"], kinds, "markdown")
    )


def answer_all(predictor: Predictor, dataset: RefCocoDataset) -> list[Sample]:
    """Answer every expression of a dataset."""
    samples = []
    for image in dataset.images:
        pairs = [(referent, text) for referent in dataset.referents_of(image) for text in referent.expressions]
        if not pairs:
            continue
        path = dataset.path_of(image)
        answers = predictor.segment(predictor.encode(load_image(path)), [text for _, text in pairs])
        for (referent, text), answer in zip(pairs, answers, strict=True):
            mask = answer.mask()
            overlap = iou(mask, referent.instance.mask(image.height, image.width))
            samples.append(Sample(path, text, mask, overlap, answer.no_target, answer.uncertainty))
    return samples


def iou_by_uncertainty(samples: Sequence[Sample], parts: int = 4) -> list[float]:
    """Return the mean IoU of each of `parts` equal shares of the answers, from most to least certain."""
    ordered = [sample.iou for sample in sorted(samples, key=lambda sample: sample.uncertainty)]
    return [float(np.mean(share)) for share in np.array_split(ordered, parts)]


def answer_plurals(
    predictor: Predictor, scenes: RefCocoScenes
) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Answer every template expression about several objects ("both dogs"); yield mask and union of the objects."""
    rng = np.random.default_rng(SEED)
    for index in range(len(scenes)):
        scene = scenes[index]
        if templates := make_templates(scene, rng, ("several",)):
            answers = predictor.segment(predictor.encode(scene.image), [template.text for template in templates])
            for template, answer in zip(templates, answers, strict=True):
                yield answer.mask(), scene.union(template.objects)


def cross_calibrated(raw: PresenceSamples) -> PresenceSamples:
    """Calibrate each half of the images with the curve and the threshold that were fitted on the other half."""
    presence, absent = raw.presence.copy(), raw.no_target.copy()
    numbers = {image: number for number, image in enumerate(sorted(set(raw.image_ids.tolist())))}
    half = np.array([numbers[image] % 2 for image in raw.image_ids.tolist()])
    for judged in (0, 1):
        held = half != judged
        calibration = fit(
            PresenceSamples(raw.presence[held], raw.no_target[held], raw.present[held], raw.image_ids[held])
        )
        clipped = np.clip(raw.presence[half == judged], 1e-12, 1 - 1e-12)
        values = [calibration.probability(float(logit)) for logit in np.log(clipped / (1 - clipped))]
        presence[half == judged] = values
        absent[half == judged] = np.array(values) < calibration.threshold
    return PresenceSamples(presence, absent, raw.present, raw.image_ids)


def _uncalibrated(predictor: Predictor) -> Predictor:
    """Return the same model without calibration: its presence score is the sigmoid of the logit."""
    predictor = Predictor(predictor._system, predictor.vocabulary, threshold=predictor.threshold, name=predictor.name)
    assert predictor.presence == PresenceCalibration()
    return predictor


def draw_calibration(summary: dict[str, Any], path: Path) -> None:
    """Plot the share of objects that are present against the presence score."""
    bins = [row for row in summary["calibration"] if row["mean"] is not None]
    figure, (axes, counts) = plt.subplots(
        2, 1, figsize=(4.6, 5.2), sharex=True, height_ratios=(3, 1), layout="constrained"
    )
    axes.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=1)
    axes.plot([row["mean"] for row in bins], [row["there"] for row in bins], "o-", color="#0b7a75")
    axes.set(ylabel="share that is in the image", xlim=(0, 1), ylim=(0, 1))
    axes.set_title("Calibration of the presence score", fontsize=10)
    counts.bar([row["from"] + 0.05 for row in bins], [row["n"] for row in bins], width=0.09, color="#0b7a75")
    counts.set(xlabel="presence score", ylabel="expressions")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_sheet(samples: Sequence[Sample], path: Path, photos: bool) -> None:
    """Draw masks, three per row, over their photos or over a gray background."""
    rows = -(-len(samples) // 3)
    figure, axes = plt.subplots(rows, 3, figsize=(9, 2.9 * rows), layout="constrained", squeeze=False)
    for cell in axes.flat:
        cell.set_axis_off()
    for cell, sample in zip(axes.flat, samples, strict=False):
        background = load_image(sample.image) if photos else np.full((*sample.mask.shape, 3), 232, np.uint8)
        cell.imshow(overlay(background, sample.mask, opacity=0.5 if photos else 0.85))
        verdict = ", no-target" if sample.no_target else ""
        cell.set_title(f"{_wrapped(sample.text)}\n{sample.image.stem}, IoU {sample.iou:.2f}{verdict}", fontsize=8)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _wrapped(text: str, width: int = 44) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text.replace("$", r"\$"), width)[:3])


if __name__ == "__main__":
    main()
