"""Compare three ways to segment labeled videos: attention across frames, linked choices only, and single frames.

    python -m benchmarks.sequences --data DATA/davis [--model M] [--only a,b,c] [--threshold X] [--json F]

Prints region J, boundary F and instability as `python -m refseg evaluate --format sequences` does, on every frame of
`--stride`. A threshold overrides the no-target verdict, so that the figures are about the masks only. For figures on
clips left out of training, train with `ClipSpec(..., without=(...))` and name these clips in `--only`.
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


def subsample(clip: LabeledClip, stride: int) -> LabeledClip:
    """Return the clip with every `stride`-th frame only."""
    return replace(clip, image_paths=clip.image_paths[::stride], mask_paths=clip.mask_paths[::stride])


def cached(
    backbone: Callable[[torch.Tensor], BackboneFeatures],
) -> tuple[Callable[[torch.Tensor], BackboneFeatures], dict[int, Any]]:
    """Wrap `backbone` so that it runs once per image, although three expressions are answered in three ways.

    Returns the wrapped function and its cache, which callers clear.
    """
    cache: dict[int, BackboneFeatures] = {}

    def features_of(images: torch.Tensor) -> BackboneFeatures:
        key = hash(images.cpu().numpy().tobytes())
        if key not in cache:
            cache[key] = backbone(images)
        return cache[key]

    return features_of, cache


def compare(
    predictor: Predictor, clips: list[LabeledClip], threshold: float | None = None
) -> dict[str, dict[str, Any]]:
    """Return the figures of `evaluate_sequences` for each way and clip. threshold: see `evaluate_sequences`."""
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
    """Compare the ways and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the dataset, such as DATA/davis")
    parser.add_argument("--model", help="checkpoint folder or Hub repository (default: the embedded model)")
    parser.add_argument("--only", default="", help="names of clips, separated by commas (default: all)")
    parser.add_argument("--stride", type=int, default=3, help="use every N-th frame (default: 3)")
    parser.add_argument(
        "--threshold", type=float, help="threshold of the mask (default: the verdict and threshold of the model)"
    )
    parser.add_argument("--threads", type=int, default=2, help="number of threads (default: 2)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    only = set(arguments.only.split(",")) - {""}
    clips = [
        subsample(clip, arguments.stride) for clip in read_sequences(arguments.data) if not only or clip.name in only
    ]
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
