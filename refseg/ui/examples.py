"""Examples: images and videos made by this project, and photos that come with installed packages (read in place)."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from pathlib import Path

from refseg.image_encoding import jpeg_uri, reduced_image
from refseg.images import load_image
from refseg.resources import EXAMPLES, resource_folder

THUMBNAIL_SIDE = 240
OWN_EXAMPLES = resource_folder(EXAMPLES)


@dataclass(frozen=True)
class Example:
    """An image or a video with an expression."""

    path: Path
    expression: str


def find_image_examples(folder: Path = OWN_EXAMPLES) -> list[Example]:
    """The image examples whose files exist, photos first."""
    photos = Path(str(resources.files("gradio"))) / "media_assets" / "images"
    portrait = Path(str(resources.files("matplotlib"))) / "mpl-data" / "sample_data" / "grace_hopper.jpg"
    candidates = [
        Example(photos / "cheetah.jpg", "the running cheetah"),
        Example(portrait, "the woman"),
        Example(photos / "cheetah1.jpg", "the cheetah"),
        Example(folder / "balloons.jpg", "the balloon on the right"),
        Example(folder / "boats.jpg", "the boat on the right"),
    ]
    return [example for example in candidates if example.path.is_file()]


def find_video_examples(folder: Path = OWN_EXAMPLES) -> list[Example]:
    """The video examples whose files exist."""
    candidates = [Example(folder / "sailing.mp4", "the red boat")]
    return [example for example in candidates if example.path.is_file()]


def examples_html(examples: Sequence[Example]) -> str:
    """One button per example, with a thumbnail and the expression; empty if there are none."""
    buttons = "".join(_button(number, example) for number, example in enumerate(examples))
    return f'<div class="rs-examples" role="group" aria-label="Examples">{buttons}</div>' if buttons else ""


def _button(number: int, example: Example) -> str:
    thumbnail = jpeg_uri(reduced_image(load_image(example.path), THUMBNAIL_SIDE), quality=80)
    text = escape(example.expression)
    return (
        f'<button type="button" class="rs-example" data-choice="example" data-number="{number}">'
        f'<img src="{thumbnail}" alt=""><span>{text}</span></button>'
    )
