"""share models on the Hugging Face Hub

Access uses the login of the Hugging Face client or the environment variable HF_TOKEN.
"""

import argparse
import shutil
from pathlib import Path

from refseg.commands.output import output_folder
from refseg.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    actions = parser.add_subparsers(dest="action", metavar="push|pull", required=True)
    push = actions.add_parser(
        "push",
        help="upload a checkpoint folder",
        description="Upload a checkpoint. The repository is created if it does not exist.",
    )
    push.add_argument("folder", type=Path, metavar="FOLDER", help="the checkpoint folder")
    push.add_argument("repository", metavar="USER/NAME[@BRANCH]", help="the repository on the Hub")
    push.add_argument("--private", action="store_true", help="create a new repository as private")
    push.add_argument("--message", default="Upload a refseg model", metavar="TEXT", help="commit message")
    push.set_defaults(run=run_push)
    pull = actions.add_parser(
        "pull", help="download a model", description="Download and check a model, and print its folder."
    )
    pull.add_argument("repository", metavar="USER/NAME[@REVISION]", help="the repository on the Hub")
    pull.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="copy the model to this folder (default: only the cache of the client)",
    )
    pull.set_defaults(run=run_pull)


def run_push(arguments: argparse.Namespace) -> None:
    """Upload a checkpoint and print the address of the commit."""
    from refseg.inference.hub import parse_repository, push

    if not arguments.message.strip():
        raise InputError("the commit message is empty, expected text: describe the upload in --message")
    repository, revision = parse_repository(arguments.repository)
    print(push(arguments.folder, repository, private=arguments.private, revision=revision, message=arguments.message))


def run_pull(arguments: argparse.Namespace) -> None:
    """Download a model, check that it loads, and print its folder."""
    from refseg.inference.checkpoint import CARD, CONFIG, load_checkpoint
    from refseg.inference.hub import NEEDED, parse_repository, pull

    folder = pull(*parse_repository(arguments.repository))
    load_checkpoint(folder)
    if arguments.output is not None:
        with output_folder(arguments.output, last=CONFIG) as staging:
            for name in (*NEEDED, CARD):
                if (folder / name).is_file():
                    shutil.copyfile(folder / name, staging / name)
        folder = arguments.output
    print(folder)
