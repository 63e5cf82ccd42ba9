"""Clips with labels: with attention across frames, with choices linked over frames only, and each frame by itself.

    python -m benchmarks.sequences --data DATA/davis [--model M] [--only a,b,c] [--stride 3] [--threshold X] [--threads 2] [--json F]

Region J, boundary F and instability as `python -m refseg evaluate --format sequences` has them, on every `stride`-th frame. A threshold overrules
the model's verdict, so that the figures are of the masks alone. For figures on clips that the
model has not seen, train with `ClipSpec(..., without=(...))` and name those clips with `--only`.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from refseg import Predictor
from refseg.data.sequences import LabeledClip, read_sequences
from refseg.evaluation.clips import evaluate_sequences
from refseg.evaluation.tables import percent, table
from refseg.files import replacing
from refseg.inference.video import VideoPredictor
from refseg.models.backbones import BackboneFeatures
from refseg.models.compact import CompactSystem

FIGURES = ("mean_iou", "boundary_f", "instability")


def thinned(clip: LabeledClip, stride: int) -> LabeledClip:
    """Every `stride`-th frame."""
    return replace(clip, image_paths=clip.image_paths[::stride], mask_paths=clip.mask_paths[::stride])


def cached(backbone: Callable[[torch.Tensor], BackboneFeatures]) -> tuple[Callable[[torch.Tensor], BackboneFeatures], dict[int, Any]]:
    """`backbone` that runs once for each image, since three expressions in three ways are about it. And its cache, to be cleared."""
    cache: dict[int, BackboneFeatures] = {}

    def features_of(images: torch.Tensor) -> BackboneFeatures:
        key = hash(images.cpu().numpy().tobytes())
        if key not in cache:
            cache[key] = backbone(images)
        return cache[key]

    return features_of, cache


def compare(predictor: Predictor, clips: list[LabeledClip], threshold: float | None = None) -> dict[str, dict[str, Any]]:
    """For each way and clip the figures of `evaluate_sequences`; threshold: as there."""
    results: dict[str, dict[str, Any]] = {}
    with predictor.running() as system:
        assert isinstance(system, CompactSystem)
        config, backbone = system.config, system.dense.backbone
        backbone.forward, cache = cached(backbone.forward)  # type: ignore[method-assign]
    ways = {
        "across frames": config,
        "choices linked": replace(config, cross_frame=0),
        "frame by frame": replace(config, cross_frame=0, tau=0),
    }
    for clip in clips:
        cache.clear()
        for way, settings in ways.items():
            _configure(predictor, settings)
            figures = evaluate_sequences(VideoPredictor(predictor), [clip], threshold=threshold)["sequences"][clip.name]
            results.setdefault(way, {})[clip.name] = figures
            print(f"{clip.name}, {way}:", *(f"{key} {figures[key]:.3f}" for key in FIGURES), flush=True)
    _configure(predictor, config)
    return results


def _configure(predictor: Predictor, config: Any) -> None:
    with predictor.running() as system:
        assert isinstance(system, CompactSystem)
        system.config = system.dense.config = config


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model")
    parser.add_argument("--only", default="")
    parser.add_argument("--stride", type=int, default=3)
    parser.add_argument("--threshold", type=float)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    only = set(arguments.only.split(",")) - {""}
    clips = [thinned(clip, arguments.stride) for clip in read_sequences(arguments.data) if not only or clip.name in only]
    results = compare(Predictor.load(arguments.model), clips, arguments.threshold)
    rows = []
    for way, by_clip in results.items():
        j, f, instability = (sum(row[key] for row in by_clip.values()) / len(by_clip) for key in FIGURES)
        rows.append([way, *(percent(value) for value in ((j + f) / 2, j, f, instability))])
    print(table([f"{len(clips)} clips", "J&F", "region J", "boundary F", "instability"], rows))
    if arguments.json:
        with replacing(arguments.json) as temporary:
            temporary.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
