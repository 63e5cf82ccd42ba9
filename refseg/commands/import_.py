"""read another tool's data set into an annotation project

PATH is a folder or a .zip. The project is made where it does not exist; pictures are copied into it, all of them or, where anything is wrong, none.
"""

import argparse
from pathlib import Path

FORMATS = ("coco", "refcoco", "grefcoco", "ytvos", "png", "yolo", "voc", "labelme", "datasets")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--format", choices=FORMATS, required=True, metavar="F", help=", ".join(FORMATS))
    parser.add_argument("--input", type=Path, required=True, metavar="PATH", help="folder or .zip of the data set")
    parser.add_argument("--project", type=Path, required=True, metavar="DIR", help="folder of the project")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Read, and say how much."""
    from refseg.annotation.archives import unpacked
    from refseg.annotation.importers import import_from
    from refseg.annotation.store import PROJECT, Project
    from refseg.commands.progress import counting

    with counting("files unpacked") as unpacking, unpacked(arguments.input, unpacking) as folder, counting("pictures") as importing:
        project = Project.open(arguments.project) if (arguments.project / PROJECT).is_file() else Project.create(arguments.project)
        before = len(project.entries)
        count = import_from(arguments.format, folder, project, importing)
    print(f"{arguments.project}: {count} masks in {len(project.entries) - before} pictures")
