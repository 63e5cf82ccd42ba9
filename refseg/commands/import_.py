"""import a dataset of another tool into an annotation project

PATH is a folder or a .zip file. The project is created if it does not exist. Images are copied into it. Entries that
cannot be used are skipped and counted. If no entry can be used, the project does not change.
"""

import argparse
import sys
from pathlib import Path

FORMATS = ("coco", "refcoco", "grefcoco", "ytvos", "png", "yolo", "voc", "labelme", "datasets")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    help_ = f"one of {', '.join(FORMATS)} (default: detected from the files)"
    parser.add_argument("--format", choices=FORMATS, metavar="F", help=help_)
    parser.add_argument("--input", type=Path, required=True, metavar="PATH", help="folder or .zip file of the dataset")
    parser.add_argument("--project", type=Path, required=True, metavar="DIR", help="folder of the project")
    parser.add_argument(
        "--report", type=Path, metavar="F", help="write a report of imported, skipped and altered entries as JSON"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Import the dataset and print a summary. What was skipped or altered is printed on standard error."""
    from refseg.annotation.archives import unpacked
    from refseg.annotation.importers import import_from
    from refseg.annotation.project import PROJECT, Project
    from refseg.commands.output import check_report_path
    from refseg.commands.progress import counting
    from refseg.files import write_json

    check_report_path(arguments.report)
    is_new = not (arguments.project / PROJECT).is_file()
    guessed: list[str] = []
    with (
        counting("files unpacked") as unpacking,
        unpacked(arguments.input, unpacking, guessed_names=guessed) as folder,
        counting("images") as importing,
    ):
        project = Project.create(arguments.project) if is_new else Project.open(arguments.project)
        try:
            report = import_from(arguments.format, folder, project, importing, guessed)
        except BaseException:
            if is_new:
                project.delete()
            raise
    if arguments.report:
        write_json(arguments.report, report.to_json())
    head, *details = report.summary()
    print(f"{arguments.project}: {head}")
    for line in details:
        print(f"refseg: {line}", file=sys.stderr)
