"""find what expressions mean in a picture

Writes DIR/result.json, and for each expression DIR/masks/000.png (0 or 255, at the picture's own size) and DIR/overlays/000.png.

--explain adds why: DIR/explain.json (words, attention per level, what leaving each word out does, presence), DIR/maps/*.png (8-bit grey, 255 for 1) and
DIR/report.html, which opens in any browser and needs nothing else. Of several expressions each has its explain.json, maps/ and report.html in
DIR/explain/000 and so on; DIR/explain.json then holds {"explanations": [...]}, and DIR/report.html leads to their reports.
"""

import argparse
import json
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refseg.commands.arguments import add_mask_arguments, add_model_arguments, check_refinement, load_predictor, one_line
from refseg.commands.output import output_folder
from refseg.commands.progress import counting
from refseg.errors import ImageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from refseg.explain.explanation import Explanation
    from refseg.inference.predictor import EncodedImage, Predictor
    from refseg.inference.segmentation import Segmentation

    Masks = list[NDArray[np.bool_]]

RESULT = "result.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--image", type=Path, required=True, metavar="F", help="the picture: JPEG, PNG, WebP, GIF, BMP or TIFF")
    parser.add_argument(
        "--expression", action="append", required=True, metavar="TEXT", help="what is meant, in English; may be given several times"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder for the results; made where it does not exist")
    add_model_arguments(parser)
    add_mask_arguments(parser)
    parser.add_argument("--explain", action="store_true", help="also write why: explain.json, maps/ and report.html")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Compute everything, then write everything, then say what was found: one line for each expression."""
    from refseg.images import load_image
    from refseg.inference.result_record import result_record, segmentation_entry

    path: Path = arguments.image
    if not path.is_file():
        raise ImageError(f"there is no picture {path}: expected the path of a file")
    image = load_image(path)
    check_refinement(arguments.refine)
    predictor = load_predictor(arguments)
    encoded = predictor.encode(image)
    explanations = _explained(predictor, encoded, arguments) if arguments.explain else []
    answers = [one.segmentation for one in explanations] or predictor.segment(encoded, arguments.expression)
    masks = [answer.mask(arguments.threshold, refine=arguments.refine) for answer in answers]
    entries = [
        segmentation_entry(answer, mask, f"masks/{n:03d}.png", arguments.threshold, arguments.refine)
        for n, (answer, mask) in enumerate(zip(answers, masks, strict=True))
    ]
    record = result_record(str(path), predictor.name, entries)
    with output_folder(arguments.output, last=RESULT) as staging:
        _write(staging, image, masks, record)
        if explanations:
            _write_explanations(staging, explanations, masks, predictor, arguments)
    for found, answer in zip(entries, answers, strict=True):
        print(summary(found, answer))


def summary(found: dict[str, Any], answer: "Segmentation") -> str:
    """One line for the console."""
    notes = [f"{found['mask']}: {one_line(found['expression'])}: {found['area_fraction']:.1%} of the picture, peak {found['peak']:.2f}"]
    for word in answer.unknown:
        near = ", ".join(answer.suggestions.get(word, ()))
        notes.append(f"unknown word {word}" + (f" (near: {near})" if near else ""))
    if answer.dropped:
        notes.append(f"only the first {len(answer.tokens)} words were read")
    if answer.no_target and answer.presence is not None:
        notes.append(f"probably not in this picture (the model is {answer.presence:.0%} sure that it is)")
    elif found["peak"] < found["threshold"]:
        notes.append("nothing reaches the threshold")
    return "; ".join(notes)


def _explained(predictor: "Predictor", encoded: "EncodedImage", arguments: argparse.Namespace) -> "list[Explanation]":
    """Why, for each expression. All are read before the first is answered, so that one that cannot be used is told at once."""
    from refseg.explain.explanation import explain

    for text in arguments.expression:
        predictor.tokenizer.encode(text)
    explanations = []
    with counting("expressions explained") as progress:
        for text in arguments.expression:
            explanations.append(explain(predictor, encoded, text, arguments.threshold))
            progress(len(explanations), len(arguments.expression))
    return explanations


def _write(folder: Path, image: "NDArray[np.uint8]", masks: "Masks", record: dict[str, Any]) -> None:
    import numpy as np

    from refseg.images import save_png
    from refseg.rendering import overlay

    for name in ("masks", "overlays"):
        (folder / name).mkdir()
    for number, mask in enumerate(masks):
        save_png(folder / "masks" / f"{number:03d}.png", mask.astype(np.uint8) * 255)
        save_png(folder / "overlays" / f"{number:03d}.png", overlay(image, mask))
    (folder / RESULT).write_text(json.dumps(record, ensure_ascii=False, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _write_explanations(
    folder: Path, explanations: "Sequence[Explanation]", masks: "Masks", predictor: "Predictor", arguments: argparse.Namespace
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
