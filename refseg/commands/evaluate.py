"""measure a model on a data set

Prints a table of overall IoU, mean IoU and precision at 0.5 to 0.9, in per cent. Layout of ROOT for the format refcoco: instances.json (COCO),
expressions.json (a list of RefCOCO refs) and images/; for the format sequences: images/SEQ/*.jpg, masks/SEQ/*.png and expressions.json ({SEQ: [...]}).
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refseg.commands.arguments import add_mask_arguments, add_model_arguments, check_refinement, count, load_predictor
from refseg.commands.progress import counting
from refseg.errors import InputError
from refseg.files import replacing, unwritable

if TYPE_CHECKING:
    from refseg.inference.predictor import Predictor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--data", type=Path, required=True, metavar="ROOT", help="folder of the data set")
    parser.add_argument("--format", choices=["refcoco", "sequences"], default="refcoco", help="layout of the data set (default refcoco)")
    parser.add_argument("--split", metavar="S", help="only this split, such as val; all of them without it (refcoco)")
    parser.add_argument("--limit", type=count, metavar="N", help="only the first N pictures or sequences")
    parser.add_argument(
        "--absent",
        type=count,
        metavar="N",
        help="ask each picture for N things that are not in it, too (refcoco; the data must label all of a category)",
    )
    parser.add_argument("--json", type=Path, metavar="F", help="write the figures to this file, too")
    add_model_arguments(parser)
    add_mask_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Read the data, load the model, measure, write, print."""

    check_refinement(arguments.refine)
    if arguments.json is not None:
        _prepare(arguments.json)
    result, printed = _measure_clips(arguments) if arguments.format == "sequences" else _measure_pictures(arguments)
    if arguments.json is not None:
        try:
            with replacing(arguments.json) as temporary:
                temporary.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        except OSError as error:
            raise unwritable(arguments.json, error) from error
    print(printed)


def _measure_pictures(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """Figures, and what is printed of them."""
    from refseg.data.refcoco import read_refcoco
    from refseg.evaluation.no_target import presence_samples, summarize_no_target
    from refseg.evaluation.protocol import evaluate_refcoco
    from refseg.evaluation.tables import report

    dataset = read_refcoco(arguments.data, arguments.split)
    predictor = load_predictor(arguments)
    with counting("pictures") as progress:
        result = evaluate_refcoco(
            predictor, dataset, refine=arguments.refine, limit=arguments.limit, progress=progress, threshold=arguments.threshold
        )
    if arguments.absent is not None:
        result["absence"] = summarize_no_target(presence_samples(predictor, dataset, arguments.absent, limit=arguments.limit))
    return {**_named(predictor), **result}, report(result)


def _measure_clips(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """Figures, and what is printed of them. Raises InputError for options that mean nothing for clips."""
    from refseg.data.sequences import read_sequences
    from refseg.evaluation.clips import evaluate_sequences
    from refseg.evaluation.tables import sequence_report
    from refseg.inference.video import VideoPredictor

    for name in ("split", "absent"):
        if getattr(arguments, name) is not None:
            raise InputError(f"--{name} means nothing for the format sequences, expected it with refcoco only: leave it out")
    clips = read_sequences(arguments.data)
    predictor = load_predictor(arguments)
    with counting("frames") as progress:
        result = evaluate_sequences(
            VideoPredictor(predictor),
            clips,
            refine=arguments.refine,
            limit=arguments.limit,
            progress=progress,
            threshold=arguments.threshold,
        )
    return {**_named(predictor), **result}, sequence_report(result)


def _named(predictor: "Predictor") -> dict[str, Any]:
    """Which model the figures are of: its name, which several may share, and the digest of its weights."""
    from refseg.inference.result_record import encodable

    return {"model": encodable(predictor.name), "weights_sha256": predictor.weights}


def _prepare(path: Path) -> None:
    """Find out that the figures cannot be written before they are computed."""
    if path.is_dir():
        raise unwritable(path, IsADirectoryError(None, "it is a folder, expected a file"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
