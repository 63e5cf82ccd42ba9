"""`bench` prints its table."""

from pathlib import Path

from refseg.cli import main
from tests.commands.console import Capture


def test_bench(tiny_checkpoint: Path, capsys: Capture) -> None:
    assert main(["bench", "--model", str(tiny_checkpoint), "--device", "cpu", "--runs", "1"]) == 0
    printed = capsys.readouterr().out
    assert (
        "first answer about an image" in printed and "further expression" in printed and "model tiny on cpu" in printed
    )
    assert ("CRF" in printed) and "640 x 480" in printed
