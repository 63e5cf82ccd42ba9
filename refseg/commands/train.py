"""train a model by a recipe

Writes DIR/checkpoint/ (what --model takes), and DIR/state.safetensors, from which --resume goes on after an interruption.
"""

import argparse
from pathlib import Path

from refseg.commands.arguments import count, unwritable
from refseg.errors import DataError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--recipe", required=True, metavar="NAME", help="a recipe of recipes/, or the path of a .py file")
    parser.add_argument("--data", type=Path, required=True, metavar="ROOT", help="the folder that holds the recipe's data sets")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --output")
    parser.add_argument("--steps", type=count, metavar="N", help="stop after N steps instead of the recipe's own number")
    parser.add_argument("--device", default="auto", metavar="D", help="auto (the default), cpu, cuda, cuda:N or mps")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Train to the end and print where the checkpoint is."""
    if not arguments.data.is_dir():
        raise DataError(f"there is no data folder {arguments.data}: expected the folder that holds the recipe's data sets")
    if arguments.output.exists() and not arguments.output.is_dir():
        raise DataError(f"the output {arguments.output} is a file, expected a folder: name another")
    from refseg.inference.device import choose_device
    from refseg.training.loop import train_from_recipe

    device = str(choose_device(arguments.device))
    try:
        folder = train_from_recipe(
            arguments.recipe, arguments.data, arguments.output, resume=arguments.resume, steps=arguments.steps, device=device
        )
    except OSError as error:
        raise unwritable(arguments.output, error) from error
    print(folder)
