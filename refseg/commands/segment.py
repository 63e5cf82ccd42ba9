"""segment the objects that expressions name in an image

Writes DIR/result.json and, for each expression, DIR/masks/000.png (0 or 255, at the size of the image) and
DIR/overlays/000.png.

--explain also writes explanations: DIR/explain.json (words, attention per level, the effect of each word on the mask,
presence), DIR/maps/*.png (8-bit gray, 255 is 1) and DIR/report.html, a single file that opens offline. With several
expressions, these are in DIR/explain/000, 001 and so on; DIR/explain.json then has {"explanations": [...]}, and
DIR/report.html links to the reports.
"""

import argparse
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refseg.commands.arguments import (
    add_mask_arguments,
    add_model_arguments,
    check_refinement,
    load_predictor,
    one_line,
)
from refseg.commands.output import output_folder
from refseg.commands.progress import counting
from refseg.errors import ImageError
from refseg.files import write_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from refseg.explain.explanation import Explanation
    from refseg.inference.predictor import EncodedImage, Predictor
    from refseg.inference.segmentation import Segmentation

    Masks = list[NDArray[np.bool_]]

RESULT = "result.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--image", type=Path, required=True, metavar="F", help="image file: JPEG, PNG, WebP, GIF, BMP or TIFF"
    )
    parser.add_argument(
        "--expression",
        action="append",
        required=True,
        metavar="TEXT",
        help="referring expression, in English; can be repeated",
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="folder for the results, created if missing"
    )
    add_model_arguments(parser)
    add_mask_arguments(parser)
    parser.add_argument("--explain", action="store_true", help="also write explain.json, maps/ and report.html")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Segment the image, write the results, and print one line per expression."""
    from refseg.images import load_image
    from refseg.inference.result_record import result_record, segmentation_entry

    path: Path = arguments.image
    if not path.is_file():
        raise ImageError(f"there is no image {path}, expected an image file: check the path")
    image = load_image(path)
    check_refinement(arguments.refine)
    predictor = load_predictor(arguments)
    encoded = predictor.encode(image)
    explanations = _explain(predictor, encoded, arguments) if arguments.explain else []
    answers = [one.segmentation for one in explanations] or predictor.segment(encoded, arguments.expression)
    masks = [answer.mask(arguments.threshold, refine=arguments.refine) for answer in answers]
    entries = [
        segmentation_entry(answer, mask, f"masks/{n:03d}.png", arguments.threshold, arguments.refine)
        for n, (answer, mask) in enumerate(zip(answers, masks, strict=True))
    ]
    record = result_record(str(path), predictor.name, entries)
    with output_folder(arguments.output, last=RESULT) as staging:
        _write_results(staging, image, masks, record)
        if explanations:
            _write_explanations(staging, explanations, masks, predictor, arguments)
    for entry, answer in zip(entries, answers, strict=True):
        print(summary(entry, answer))


def summary(entry: dict[str, Any], answer: "Segmentation") -> str:
    """Describe an answer in one line for the console. entry: its entry of `result.json`."""
    area = f"{entry['area_fraction']:.1%} of the image, peak {entry['peak']:.2f}"
    notes = [f"{entry['mask']}: {one_line(entry['expression'])}: {area}"]
    for word in answer.unknown:
        near = ", ".join(answer.suggestions.get(word, ()))
        notes.append(f"unknown word {word}" + (f" (similar: {near})" if near else ""))
    if answer.dropped:
        notes.append(f"only the first {len(answer.tokens)} words were used")
    if answer.no_target and answer.presence is not None:
        notes.append(f"probably not in this image (presence {answer.presence:.0%})")
    elif entry["peak"] < entry["threshold"]:
        notes.append("no pixel reaches the threshold")
    return "; ".join(notes)


def _explain(predictor: "Predictor", encoded: "EncodedImage", arguments: argparse.Namespace) -> "list[Explanation]":
    """Explain each expression. All are tokenized first, so that an invalid one is reported before any computation."""
    from refseg.explain.explanation import explain

    for text in arguments.expression:
        predictor.tokenizer.encode(text)
    explanations = []
    with counting("expressions explained") as progress:
        for text in arguments.expression:
            explanations.append(explain(predictor, encoded, text, arguments.threshold))
            progress(len(explanations), len(arguments.expression))
    return explanations


def _write_results(folder: Path, image: "NDArray[np.uint8]", masks: "Masks", record: dict[str, Any]) -> None:
    import numpy as np

    from refseg.images import save_png
    from refseg.rendering import overlay

    for name in ("masks", "overlays"):
        (folder / name).mkdir()
    for number, mask in enumerate(masks):
        save_png(folder / "masks" / f"{number:03d}.png", mask.astype(np.uint8) * 255)
        save_png(folder / "overlays" / f"{number:03d}.png", overlay(image, mask))
    write_json(folder / RESULT, record)


def _write_explanations(
    folder: Path,
    explanations: "Sequence[Explanation]",
    masks: "Masks",
    predictor: "Predictor",
    arguments: argparse.Namespace,
) -> None:
    from refseg.explain.record import write_explanations

    settings = {
        **({"Weights": f"SHA-256 {predictor.weights[:12]}\u2026"} if predictor.weights else {}),
        "Refinement": arguments.refine,
        "Device": str(predictor.device),
        "Precision": predictor.precision,
    }
    with counting("reports") as progress:
        write_explanations(
            folder,
            explanations,
            masks,
            image_name=arguments.image.name,
            model=predictor.name,
            settings=settings,
            date=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            progress=progress,
        )
