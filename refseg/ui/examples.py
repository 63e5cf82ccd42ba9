"""Pictures to start from: scenes drawn by this project, and photos that installed packages carry (used where they lie, never copied)."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from pathlib import Path

from refseg.images import load_image
from refseg.pictures import jpeg_uri, reduced_image
from refseg.resources import EXAMPLES, resource_folder

THUMBNAIL = 240
DRAWN = resource_folder(EXAMPLES)


@dataclass(frozen=True)
class Example:
    """A picture and something to say about it."""

    path: Path
    expression: str


def find_examples(drawn: Path = DRAWN) -> list[Example]:
    """The examples whose picture is present on this machine, photos first."""
    photos = Path(str(resources.files("gradio"))) / "media_assets" / "images"
    portrait = Path(str(resources.files("matplotlib"))) / "mpl-data" / "sample_data" / "grace_hopper.jpg"
    candidates = [
        Example(photos / "cheetah.jpg", "the running cheetah"),
        Example(portrait, "the woman"),
        Example(photos / "cheetah1.jpg", "the cheetah"),
        Example(drawn / "balloons.jpg", "the balloon on the right"),
        Example(drawn / "boats.jpg", "the boat on the right"),
    ]
    return [example for example in candidates if example.path.is_file()]


def find_clips(drawn: Path = DRAWN) -> list[Example]:
    """The same for clips."""
    candidates = [Example(drawn / "sailing.mp4", "the red boat")]
    return [example for example in candidates if example.path.is_file()]


def examples_html(examples: Sequence[Example]) -> str:
    """A row of buttons, each a thumbnail and its expression."""
    buttons = "".join(_button(number, example) for number, example in enumerate(examples))
    return f'<div class="rs-examples" role="group" aria-label="Examples">{buttons}</div>' if buttons else ""


def _button(number: int, example: Example) -> str:
    thumbnail = jpeg_uri(reduced_image(load_image(example.path), THUMBNAIL), quality=80)
    text = escape(example.expression)
    return (
        f'<button type="button" class="rs-example" data-choice="example" data-number="{number}">'
        f'<img src="{thumbnail}" alt=""><span>{text}</span></button>'
    )
