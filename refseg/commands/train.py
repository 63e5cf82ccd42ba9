"""train a model by a recipe

Writes DIR/checkpoint/ (what --model takes), and DIR/state.safetensors, from which --resume goes on after an interruption. Recipes that go on from a
model take --model in its place. One of them is `finetune`: it trains the embedded model on the accepted pictures of an annotation project (--data PROJECT) and
writes DIR/report.json: how it does on held-back ones, before and after.
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
    """What the command takes."""
    parser.add_argument("--recipe", required=True, metavar="NAME", help="a recipe of recipes/, or the path of a .py file")
    parser.add_argument(
        "--data", type=Path, required=True, metavar="ROOT", help="the folder that holds the recipe's data sets, or an annotation project"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of the run")
    parser.add_argument(
        "--model",
        metavar="M",
        help="for a recipe that goes on from a model, as `finetune` does: a checkpoint folder or a Hub repository instead of the recipe's own",
    )
    parser.add_argument("--resume", action="store_true", help="go on with the run in --output")
    parser.add_argument("--steps", type=count, metavar="N", help="stop after N steps instead of the recipe's own number")
    parser.add_argument("--device", default="auto", metavar="D", help="auto (the default), cpu, cuda, cuda:N or mps")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Train to the end and print where the checkpoint is."""
    if not arguments.data.is_dir():
        raise DataError(f"there is no data folder {arguments.data}: expected the folder that holds the recipe's data sets, or a project")
    if arguments.output.exists() and not arguments.output.is_dir():
        raise DataError(f"the output {arguments.output} is a file, expected a folder: name another")
    from refseg.inference.device import choose_device
    from refseg.training.allocator import keep_freed_memory
    from refseg.training.loop import train_from_recipe

    keep_freed_memory()  # this process does nothing else
    device = str(choose_device(arguments.device))
    options = {"resume": arguments.resume, "steps": arguments.steps, "device": device, "model": arguments.model}
    with _data_set(arguments.data) as data:
        try:
            folder = train_from_recipe(arguments.recipe, data, arguments.output, **options)
        except OSError as error:  # what cannot be written is an InputError by now
            place = error.filename or arguments.data
            raise DataError(f"cannot read {place} ({error.strerror or error}): check that it is there and may be read") from error
    print(folder)


@contextmanager
def _data_set(folder: Path) -> Iterator[Path]:
    """The folder itself, or for an annotation project a copy of what is accepted in it, for as long as it is needed."""
    from refseg.annotation.accepted import export_accepted
    from refseg.annotation.project import PROJECT, Project

    if not (folder / PROJECT).is_file():
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="refseg-") as temporary:
        data = Path(temporary) / "accepted"
        with counting("pictures copied") as progress:
            report = export_accepted(Project.open(folder), data, progress)
        for line in report.summary():
            print(f"refseg: {line}", file=sys.stderr)
        yield data
