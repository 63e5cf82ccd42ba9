"""train a model with a recipe

Writes DIR/checkpoint/, which --model accepts, and DIR/state.safetensors, from which --resume continues an interrupted
run. The recipe `finetune` trains the embedded model, or the one of --model, on the accepted images of an annotation
project (--data PROJECT). It also writes DIR/report.json: the quality on held-out images before and after training.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from refseg.commands.arguments import count
from refseg.commands.progress import counting
from refseg.errors import DataError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--recipe", required=True, metavar="NAME", help="name of a recipe in recipes/, or path of a .py file"
    )
    parser.add_argument(
        "--data", type=Path, required=True, metavar="ROOT", help="folder of the datasets, or of an annotation project"
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="folder of the run, created if missing"
    )
    parser.add_argument(
        "--model",
        metavar="M",
        help="model to start from, for recipes such as `finetune`; see `segment --help` (default: the recipe's)",
    )
    parser.add_argument("--resume", action="store_true", help="continue the run in --output")
    parser.add_argument(
        "--steps", type=count, metavar="N", help="stop after N steps (default: the number of the recipe)"
    )
    parser.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda, cuda:N or mps (default: auto)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Train and print the folder of the checkpoint."""
    if not arguments.data.is_dir():
        raise DataError(
            f"there is no data folder {arguments.data}, expected the datasets of the recipe or an annotation project:"
            " check the path"
        )
    if arguments.output.exists() and not arguments.output.is_dir():
        raise DataError(f"the output {arguments.output} is a file, expected a folder: choose another path")
    from refseg.inference.device import choose_device
    from refseg.training.allocator import keep_freed_memory
    from refseg.training.loop import train_from_recipe

    keep_freed_memory()  # the process does nothing but training, so it may keep its memory
    device = str(choose_device(arguments.device))
    options = {"resume": arguments.resume, "steps": arguments.steps, "device": device, "model": arguments.model}
    with _training_data(arguments.data) as data:
        try:
            folder = train_from_recipe(arguments.recipe, data, arguments.output, **options)
        except OSError as error:  # errors of writing are InputErrors already
            path = error.filename or arguments.data
            reason = error.strerror or error
            raise DataError(f"cannot read {path} ({reason}), expected a readable file: check the path") from error
    print(folder)


@contextmanager
def _training_data(folder: Path) -> Iterator[Path]:
    """Yield the folder itself or, for an annotation project, a temporary export of its accepted images."""
    from refseg.annotation.accepted import export_accepted
    from refseg.annotation.project import PROJECT, Project

    if not (folder / PROJECT).is_file():
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="refseg-") as temporary:
        data = Path(temporary) / "accepted"
        with counting("images copied") as progress:
            report = export_accepted(Project.open(folder), data, progress)
        for line in report.summary():
            print(f"refseg: {line}", file=sys.stderr)
        yield data
