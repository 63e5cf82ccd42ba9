"""Figures and pictures for the card of a model.

    python -m benchmarks.card --model runs/compact/checkpoint --data DATA --output checkpoints/cmsa [--photos FOLDER]

Measures the `val` splits of DATA/coco, objects and clothing and prints the card's tables (Markdown), what is called absent on `coco`, rightly and wrongly,
how good the answers are that the model doubts, and those about several things at once. Writes into the output folder calibration.png (how far the presence
score can be taken at its word) and masks.png and failures.png: twelve expressions drawn at random, and six drawn at random from those with an
IoU below 0.2. These show the masks alone, for the photos are not ours to publish; with --photos the same is drawn over the photos into that folder.
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
SEED, SHOWN, FAILURES, FAILED = 0, 12, 6, 0.2


@dataclass(frozen=True)
class Sample:
    """One expression: its picture, the mask answered (at the picture's size), IoU with the label, whether the verdict was "not there", and the doubt."""

    picture: Path
    text: str
    mask: NDArray[np.bool_]
    iou: float
    absent: bool
    doubt: float


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="checkpoint folder; the embedded one without it")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--photos", type=Path, help="draw the masks over the photos into this folder, too")
    arguments = parser.parse_args()
    predictor = Predictor.load(arguments.model)
    results = {name: evaluate_refcoco(predictor, read_refcoco(arguments.data / name, "val")) for name in SPLITS}
    print(tables(results))
    coco = read_refcoco(arguments.data / "coco", "val")
    raw = presence_samples(_uncalibrated(predictor), coco)
    judged = crossed(raw)
    summary = summarize_no_target(judged)
    print(json.dumps({key: value for key, value in summary.items() if key != "calibration"}, indent=1))
    draw_calibration(summary, arguments.output / "calibration.png")
    samples = answered(predictor, coco)
    print("mean IoU by quarters of doubt, the doubted last:", *(percent(value) for value in by_doubt(samples)))
    overlaps = [iou(mask, wanted) for mask, wanted in several(predictor, RefCocoScenes(arguments.data / "coco", "val", complete=True))]
    print(
        f"{len(overlaps)} made expressions about several things: mean IoU {percent(mean_iou(overlaps))}, P@0.5 {percent(precision_at(overlaps, 0.5))}"
    )
    rng = np.random.default_rng(SEED)
    chosen = [samples[int(i)] for i in rng.permutation(len(samples))[:SHOWN]]
    failed = [sample for sample in samples if sample.iou < FAILED]
    worst = [failed[int(i)] for i in rng.permutation(len(failed))[:FAILURES]]
    for name, drawn in (("masks.png", chosen), ("failures.png", worst)):
        draw_sheet(drawn, arguments.output / name, photos=False)
        if arguments.photos is not None:
            arguments.photos.mkdir(parents=True, exist_ok=True)
            draw_sheet(drawn, arguments.photos / name, photos=True)


def tables(results: dict[str, dict[str, Any]]) -> str:
    """One table of the splits, one of the kinds of expressions of each."""
    header = ["split", "pictures", "expressions", "mean IoU", "overall IoU", *(f"P@{t}" for t in THRESHOLDS), "meant one of its kind"]
    rows = []
    for name, r in results.items():
        choice = r["disambiguation"]
        picked = f"{percent(choice['accuracy'])} of {choice['n']}" if choice["n"] else "-"
        figures = [percent(r["mean_iou"]), percent(r["overall_iou"]), *(percent(r["precision"][str(t)]) for t in THRESHOLDS)]
        rows.append([f"`{name}` val", str(r["images"]), str(r["n"]), *figures, picked])
    kinds = [
        [f"`{name}`: {kind}", str(k["n"]), percent(k["mean_iou"]), percent(k["precision"]["0.5"])]
        for name, r in results.items()
        for kind, k in r["kinds"].items()
        if k["n"]
    ]
    return table(header, rows, "markdown") + "\n\n" + table(["kind of expression", "n", "mean IoU", "P@0.5"], kinds, "markdown")


def answered(predictor: Predictor, dataset: RefCocoDataset) -> list[Sample]:
    """Every expression of a data set with the mask that the model answers."""
    samples = []
    for image in dataset.images:
        said = [(referent, sentence) for referent in dataset.referents_of(image) for sentence in referent.expressions]
        if not said:
            continue
        path = dataset.path_of(image)
        answers = predictor.segment(predictor.encode(load_image(path)), [sentence for _, sentence in said])
        for (referent, sentence), answer in zip(said, answers, strict=True):
            mask = answer.mask()
            overlap = iou(mask, referent.instance.mask(image.height, image.width))
            samples.append(Sample(path, sentence, mask, overlap, answer.no_target, answer.uncertainty))
    return samples


def by_doubt(samples: Sequence[Sample], parts: int = 4) -> list[float]:
    """Mean IoU of each of `parts` equal shares of the answers, from the least doubted to the most."""
    ordered = [sample.iou for sample in sorted(samples, key=lambda sample: sample.doubt)]
    return [float(np.mean(share)) for share in np.array_split(ordered, parts)]


def several(predictor: Predictor, scenes: RefCocoScenes) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """The mask answered to every expression that templates make about several things ("both dogs"), and the union of the things."""
    rng = np.random.default_rng(SEED)
    for index in range(len(scenes)):
        scene = scenes[index]
        if made := make_templates(scene, rng, ("several",)):
            answers = predictor.segment(predictor.encode(scene.image), [template.text for template in made])
            yield from ((answer.mask(), scene.union(template.objects)) for template, answer in zip(made, answers, strict=True))


def crossed(raw: PresenceSamples) -> PresenceSamples:
    """Calibrated probabilities and verdicts of each half of the pictures by what was fitted on the other half."""
    presence, absent = raw.presence.copy(), raw.no_target.copy()
    numbers = {picture: number for number, picture in enumerate(sorted(set(raw.image_ids.tolist())))}
    half = np.array([numbers[picture] % 2 for picture in raw.image_ids.tolist()])
    for judged in (0, 1):
        held = half != judged
        calibration = fit(PresenceSamples(raw.presence[held], raw.no_target[held], raw.present[held], raw.image_ids[held]))
        clipped = np.clip(raw.presence[half == judged], 1e-12, 1 - 1e-12)
        values = [calibration.probability(float(logit)) for logit in np.log(clipped / (1 - clipped))]
        presence[half == judged] = values
        absent[half == judged] = np.array(values) < calibration.threshold
    return PresenceSamples(presence, absent, raw.present, raw.image_ids)


def _uncalibrated(predictor: Predictor) -> Predictor:
    """The same model answering with the sigmoid of its presence logit."""
    predictor = Predictor(predictor._system, predictor.vocabulary, threshold=predictor.threshold, name=predictor.name)
    assert predictor.presence == PresenceCalibration()
    return predictor


def draw_calibration(summary: dict[str, Any], path: Path) -> None:
    """Share of things that are there against the presence score."""
    bins = [row for row in summary["calibration"] if row["mean"] is not None]
    figure, (axes, counts) = plt.subplots(2, 1, figsize=(4.6, 5.2), sharex=True, height_ratios=(3, 1), layout="constrained")
    axes.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=1)
    axes.plot([row["mean"] for row in bins], [row["there"] for row in bins], "o-", color="#0b7a75")
    axes.set(ylabel="share that is in the picture", xlim=(0, 1), ylim=(0, 1))
    axes.set_title("How far the presence score can be taken at its word", fontsize=10)
    counts.bar([row["from"] + 0.05 for row in bins], [row["n"] for row in bins], width=0.09, color="#0b7a75")
    counts.set(xlabel="presence score", ylabel="expressions")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_sheet(samples: Sequence[Sample], path: Path, photos: bool) -> None:
    """Masks of some samples, three to a row, over their photos or on plain paper."""
    rows = -(-len(samples) // 3)
    figure, axes = plt.subplots(rows, 3, figsize=(9, 2.9 * rows), layout="constrained", squeeze=False)
    for place in axes.flat:
        place.set_axis_off()
    for place, sample in zip(axes.flat, samples, strict=False):
        paper = load_image(sample.picture) if photos else np.full((*sample.mask.shape, 3), 232, np.uint8)
        place.imshow(overlay(paper, sample.mask, opacity=0.5 if photos else 0.85))
        verdict = ", verdict: not there" if sample.absent else ""
        place.set_title(f"{_wrapped(sample.text)}\n{sample.picture.stem}, IoU {sample.iou:.2f}{verdict}", fontsize=8)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _wrapped(text: str, width: int = 44) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text.replace("$", r"\$"), width)[:3])


if __name__ == "__main__":
    main()
