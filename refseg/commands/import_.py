"""read another tool's data set into an annotation project

The project is made where it does not exist; pictures are copied into it.
"""

import argparse
from pathlib import Path

FORMATS = ("coco", "refcoco", "grefcoco", "png")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--format", choices=FORMATS, required=True, metavar="F", help=", ".join(FORMATS))
    parser.add_argument("--input", type=Path, required=True, metavar="PATH", help="folder of the data set")
    parser.add_argument("--project", type=Path, required=True, metavar="DIR", help="folder of the project")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Read, and say how much."""
    from refseg.annotation.formats import IMPORTERS
    from refseg.annotation.store import PROJECT, Project

    project = Project.open(arguments.project) if (arguments.project / PROJECT).is_file() else Project.create(arguments.project)
    before = len(project.entries)
    count = IMPORTERS[arguments.format](arguments.input, project)
    project.write_index()
    print(f"{arguments.project}: {count} masks in {len(project.entries) - before} pictures")
