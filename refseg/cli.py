"""Command line `python -m refseg COMMAND`.

Exit status: 0 for success; 2, with one line on standard error, for arguments or inputs that cannot be used; 130 if the
user interrupts; 1 for an unexpected error.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from rapidfuzz import fuzz, process

from refseg.commands import bench, evaluate, export, hub, import_, segment, train, video
from refseg.errors import InputError, RefsegError
from refseg.version import __version__

COMMANDS = {
    "segment": segment,
    "video": video,
    "evaluate": evaluate,
    "train": train,
    "import": import_,
    "export": export,
    "hub": hub,
    "bench": bench,
}
UNUSABLE, INTERRUPTED, UNEXPECTED = 2, 130, 1


class Parser(argparse.ArgumentParser):
    """Argument parser whose errors are InputErrors of one line, with a suggestion for a misspelled name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see {self.prog} --help")

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        """Parse, but report misspelled options first: argparse would report what is missing because of them."""
        arguments = list(sys.argv[1:] if args is None else args)
        known = self._option_string_actions
        # A parser that has commands does not know the options of its commands, so they check their own.
        for argument in () if self._subparsers else arguments:
            name = argument.partition("=")[0]
            if argument == "--":
                break
            if name.startswith("--") and name not in known:
                self.error(f"unknown option {name}{did_you_mean(name, known)}")
        return super().parse_known_args(arguments, namespace)

    def _check_value(self, action: argparse.Action, value: object) -> None:
        if action.choices is not None and value not in action.choices:
            choices = [str(choice) for choice in action.choices]
            hint = did_you_mean(str(value), choices)
            raise argparse.ArgumentError(action, f"got {value!r}, expected one of {', '.join(choices)}{hint}")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?` for the known name X most similar to `name`, or "" if none is similar."""
    near = process.extractOne(name, list(known), scorer=fuzz.ratio, score_cutoff=60)
    return f"; did you mean {near[0]}?" if near else ""


def build_parser() -> Parser:
    """Build the parser of all commands."""
    parser = Parser(
        prog="python -m refseg",
        description="Referring segmentation: get the mask of the object that an expression names.",
    )
    parser.add_argument("--version", action="version", version=f"refseg {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        summary = (command.__doc__ or "").splitlines()[0]
        command.add_arguments(
            commands.add_parser(
                name,
                help=summary,
                description=command.__doc__,
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
        )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status. argv: arguments without the program name; None for `sys.argv`."""
    for stream in (sys.stdout, sys.stderr):
        # A character that the console cannot encode must not stop the command.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            arguments = build_parser().parse_args(argv)
            arguments.run(arguments)
        except SystemExit as stop:  # --help and --version
            return int(stop.code or 0)
        finally:
            sys.stdout.flush()
    except RefsegError as error:
        return _print_error(str(error), UNUSABLE)
    except KeyboardInterrupt:
        return _print_error("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # The reader of the output has exited (`| head`). Without this, the interpreter reports an error at exit.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.filename is None or error.strerror is None:
            return _unexpected(error)
        return _print_error(f"cannot use {error.filename} ({error.strerror}): choose another path", UNUSABLE)
    except Exception as error:
        return _unexpected(error)
    return 0


def _unexpected(error: Exception) -> int:
    """Report a bug of the program. Raises the error if REFSEG_DEBUG is set, so that its traceback is printed."""
    if os.environ.get("REFSEG_DEBUG"):
        raise error
    detail = f"{type(error).__name__}: {error}"
    return _print_error(
        f"unexpected error, please report it ({detail}); REFSEG_DEBUG=1 shows the traceback", UNEXPECTED
    )


def _print_error(message: str, status: int) -> int:
    """Print a message as one line on standard error and return `status`."""
    line = " ".join(message.split())
    with contextlib.suppress(OSError, ValueError):
        print(f"refseg: {line}", file=sys.stderr)
    return status
