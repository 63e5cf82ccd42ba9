"""write an annotation project in another tool's format

PATH is a new folder, or a file that ends in .zip. Skipped pictures are left out. What looks like a mistake is told on standard error, a line a kind.
"""

import argparse
import sys
from pathlib import Path

FORMATS = ("coco", "coco-polygons", "refcoco", "grefcoco", "ytvos", "png", "yolo", "voc", "labelme", "datasets")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--project", type=Path, required=True, metavar="DIR", help="folder of the project")
    parser.add_argument("--format", choices=FORMATS, required=True, metavar="F", help=", ".join(FORMATS))
    parser.add_argument("--output", type=Path, required=True, metavar="PATH", help="a new folder or a .zip")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Write, and say how much."""
    from refseg.annotation.exporters import export_to
    from refseg.annotation.lint import lint, summary
    from refseg.annotation.store import Project
    from refseg.commands.progress import counting

    project = Project.open(arguments.project)
    with counting("pictures") as progress:
        count = export_to(arguments.format, project, arguments.output, progress)
    print(f"{arguments.output}: {count} from {len(project.entries)} pictures")
    with counting("pictures checked") as progress:
        findings = lint(project, progress)
    for line in summary(findings):
        print(f"refseg: {line}", file=sys.stderr)
