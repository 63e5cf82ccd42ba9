"""Arguments that several commands take, and the types of their values."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from refseg.inference.predictor import Predictor


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """--model, --device and --precision, as `load_predictor` reads them."""
    parser.add_argument(
        "--model", metavar="M", help="a checkpoint folder or a Hub repository user/name[@revision]; the embedded model without it"
    )
    parser.add_argument("--device", default="auto", metavar="D", help="auto (the default), cpu, cuda, cuda:N or mps")
    parser.add_argument("--precision", default="auto", metavar="P", help="auto (the default), float32, bfloat16 or float16")


def add_mask_arguments(parser: argparse.ArgumentParser) -> None:
    """--threshold and --refine."""
    parser.add_argument(
        "--threshold", type=probability, metavar="X", help="probability from which a place belongs to the mask; the model's own without it"
    )
    parser.add_argument("--refine", choices=["none", "crf"], default="none", help="crf: refine the mask's edges with DenseCRF")


def load_predictor(arguments: argparse.Namespace) -> "Predictor":
    """The predictor that --model, --device and --precision ask for. Raises CheckpointError, HubError or DeviceError."""
    from refseg.inference.predictor import Predictor

    return Predictor.load(arguments.model, device=arguments.device, precision=arguments.precision)


def check_refinement(refine: str) -> None:
    """Whether the refinement can be had, before anything is computed. Raises UnavailableError."""
    if refine == "crf":
        from refseg.inference.crf import require

        require()


def probability(text: str) -> float:
    """A number from 0 to 1, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a number from 0 to 1")
    return value


def count(text: str) -> int:
    """A whole number of at least 1, for argparse."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number of at least 1")
    return value


def one_line(text: str) -> str:
    """Text without line ends and control characters, for the console."""
    return "".join(character if character.isprintable() else " " for character in text)
