"""Arguments that several commands share, and the types of their values."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from refseg.inference.predictor import Predictor


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --model, --device and --precision, which `load_predictor` reads."""
    parser.add_argument(
        "--model",
        metavar="M",
        help="name of an embedded model, checkpoint folder or Hub repository user/name[@revision] (default: cmsa)",
    )
    parser.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda, cuda:N or mps (default: auto)")
    parser.add_argument(
        "--precision", default="auto", metavar="P", help="auto, float32, bfloat16 or float16 (default: auto)"
    )


def add_mask_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --threshold and --refine."""
    parser.add_argument(
        "--threshold",
        type=probability,
        metavar="X",
        help="lowest probability of a pixel in the mask, 0 to 1 (default: the threshold of the model)",
    )
    parser.add_argument(
        "--refine",
        choices=["none", "crf"],
        default="none",
        help="crf: refine the edges of the mask with DenseCRF (default: none)",
    )


def load_predictor(arguments: argparse.Namespace) -> "Predictor":
    """Load the predictor of --model, --device and --precision. Raises CheckpointError, HubError or DeviceError."""
    from refseg.inference.predictor import Predictor

    return Predictor.load(arguments.model, device=arguments.device, precision=arguments.precision)


def check_refinement(refine: str) -> None:
    """Check before any computation that the refinement is installed. Raises UnavailableError if it is not."""
    if refine == "crf":
        from refseg.inference.crf import require

        require()


def probability(text: str) -> float:
    """Parse a number from 0 to 1, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a number from 0 to 1")
    return value


def count(text: str) -> int:
    """Parse an integer of at least 1, for argparse."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected an integer of at least 1")
    return value


def one_line(text: str) -> str:
    """Replace line ends and control characters by spaces, for the console."""
    return "".join(character if character.isprintable() else " " for character in text)
