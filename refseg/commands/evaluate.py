"""measure the quality of a model on a dataset

Prints overall IoU, mean IoU and precision at 0.5 to 0.9, in percent.

Layout of ROOT for --format refcoco: instances.json (COCO), expressions.json (a list of RefCOCO refs) and images/.
Layout of ROOT for --format sequences: images/SEQ/*.jpg, masks/SEQ/*.png and expressions.json ({SEQ: [...]}).
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refseg.commands.arguments import add_mask_arguments, add_model_arguments, check_refinement, count, load_predictor
from refseg.commands.progress import counting
from refseg.errors import InputError
from refseg.files import unwritable, write_json

if TYPE_CHECKING:
    from refseg.inference.predictor import Predictor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--data", type=Path, required=True, metavar="ROOT", help="folder of the dataset")
    parser.add_argument(
        "--format", choices=["refcoco", "sequences"], default="refcoco", help="layout of the dataset (default: refcoco)"
    )
    parser.add_argument("--split", metavar="S", help="split, such as val (default: all; refcoco only)")
    parser.add_argument("--limit", type=count, metavar="N", help="use only the first N images or sequences")
    parser.add_argument(
        "--absent",
        type=count,
        metavar="N",
        help="also test N no-target expressions per image (refcoco only; labels of a category must be complete)",
    )
    parser.add_argument("--json", type=Path, metavar="F", help="also write the figures to this JSON file")
    add_model_arguments(parser)
    add_mask_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Evaluate the model, write the figures and print them."""
    check_refinement(arguments.refine)
    if arguments.json is not None:
        _check_output(arguments.json)
    result, printed = _evaluate_sequences(arguments) if arguments.format == "sequences" else _evaluate_images(arguments)
    if arguments.json is not None:
        try:
            write_json(arguments.json, result)
        except OSError as error:
            raise unwritable(arguments.json, error) from error
    print(printed)


def _evaluate_images(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """Return the figures and the printed table."""
    from refseg.data.refcoco import read_refcoco
    from refseg.evaluation.no_target import presence_samples, summarize_no_target
    from refseg.evaluation.protocol import evaluate_refcoco
    from refseg.evaluation.tables import report

    dataset = read_refcoco(arguments.data, arguments.split)
    predictor = load_predictor(arguments)
    with counting("images") as progress:
        result = evaluate_refcoco(
            predictor,
            dataset,
            refine=arguments.refine,
            limit=arguments.limit,
            progress=progress,
            threshold=arguments.threshold,
        )
    if arguments.absent is not None:
        result["absence"] = summarize_no_target(
            presence_samples(predictor, dataset, arguments.absent, limit=arguments.limit)
        )
    return {**_model_entry(predictor), **result}, report(result)


def _evaluate_sequences(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """Return the figures and the printed table. Raises InputError for options that sequences do not have."""
    from refseg.data.sequences import read_sequences
    from refseg.evaluation.clips import evaluate_sequences
    from refseg.evaluation.tables import sequence_report
    from refseg.inference.video import VideoPredictor

    for name in ("split", "absent"):
        if getattr(arguments, name) is not None:
            raise InputError(
                f"--{name} cannot be used with --format sequences, expected --format refcoco: remove --{name}"
            )
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
    return {**_model_entry(predictor), **result}, sequence_report(result)


def _model_entry(predictor: "Predictor") -> dict[str, Any]:
    """Return the name of the model and the digest of its weights; several models can have the same name."""
    from refseg.inference.result_record import encodable

    return {"model": encodable(predictor.name), "weights_sha256": predictor.weights}


def _check_output(path: Path) -> None:
    """Check before the evaluation that the figures can be written. Raises InputError if not."""
    if path.is_dir():
        raise unwritable(path, IsADirectoryError(None, "it is a folder, expected a file"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
