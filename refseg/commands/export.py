"""write an annotation project in another tool's format

PATH is a new folder, or a file that ends in .zip. Images that are marked as skipped are left out. What a format cannot
hold and what looks like a mistake is printed on standard error, a line for each kind.
"""

import argparse
import sys
import textwrap
from pathlib import Path

from refseg.annotation.export_formats import EXPORT_FORMATS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    lines = (f"{name}: {known.line}" for name, known in EXPORT_FORMATS.items())
    parser.epilog = "formats:\n" + "\n".join(textwrap.fill(line, 100, initial_indent="  ", subsequent_indent="      ") for line in lines)
    parser.add_argument("--project", type=Path, required=True, metavar="DIR", help="folder of the project")
    parser.add_argument("--format", choices=tuple(EXPORT_FORMATS), required=True, metavar="F", help=", ".join(EXPORT_FORMATS))
    parser.add_argument("--output", type=Path, required=True, metavar="PATH", help="a new folder or a .zip")
    parser.add_argument("--only", choices=("accepted",), metavar="STATE", help="accepted: leave out images that are not accepted")
    parser.add_argument(
        "--splits",
        metavar="SHARES",
        help="divide the images that have no split, such as train=0.8,val=0.2; by a hash of their names, frames of a video together",
    )
    parser.add_argument("--report", type=Path, metavar="F", help="write what was exported, skipped, lost and altered as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Export, then print what was exported; what was skipped, lost or altered and what looks like a mistake goes to
    standard error."""
    from refseg.annotation.exporters import export_to
    from refseg.annotation.exporters.options import ExportOptions, parse_splits
    from refseg.annotation.lint import lint, summarize
    from refseg.annotation.project import Project
    from refseg.commands.progress import counting
    from refseg.video.formats import write_json

    splits = parse_splits(arguments.splits) if arguments.splits is not None else {}
    options = ExportOptions(accepted_only=arguments.only == "accepted", splits=splits)
    project = Project.open(arguments.project)
    with counting("images") as progress:
        report = export_to(arguments.format, project, arguments.output, progress, options)
    if arguments.report:
        write_json(arguments.report, report.to_json())
    head, *details = report.summary()
    print(f"{arguments.output}: {head}")
    with counting("images checked") as progress:
        findings = lint(project, progress)
    for line in [*details, *summarize(findings)]:
        print(f"refseg: {line}", file=sys.stderr)
