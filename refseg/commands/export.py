"""export an annotation project to the format of another tool

PATH is a new folder or a new .zip file. Images marked as skipped are not exported. Standard error lists what was
skipped, what the format cannot represent, and annotations that are probably mistakes.
"""

import argparse
import sys
import textwrap
from pathlib import Path

from refseg.annotation.export_formats import EXPORT_FORMATS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    lines = (f"{name}: {known.line}" for name, known in EXPORT_FORMATS.items())
    parser.epilog = "formats:\n" + "\n".join(
        textwrap.fill(line, 100, initial_indent="  ", subsequent_indent="      ") for line in lines
    )
    parser.add_argument("--project", type=Path, required=True, metavar="DIR", help="folder of the project")
    parser.add_argument(
        "--format", choices=tuple(EXPORT_FORMATS), required=True, metavar="F", help=", ".join(EXPORT_FORMATS)
    )
    parser.add_argument("--output", type=Path, required=True, metavar="PATH", help="new folder or .zip file")
    parser.add_argument("--only", choices=("accepted",), metavar="STATE", help="accepted: export accepted images only")
    parser.add_argument(
        "--splits",
        metavar="SHARES",
        help="assign images without a split by shares, such as train=0.8,val=0.2; frames of a video get the same split",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="F",
        help="write a report of exported, skipped, lost and altered annotations as JSON",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Export the project and print a summary. Losses and probable mistakes are printed on standard error."""
    from refseg.annotation.exporters import export_to
    from refseg.annotation.exporters.options import ExportOptions, parse_splits
    from refseg.annotation.lint import lint, summarize
    from refseg.annotation.project import Project
    from refseg.commands.output import check_report_path
    from refseg.commands.progress import counting
    from refseg.files import write_json

    check_report_path(arguments.report)
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
