"""A file that a visitor takes home: written into a folder of their own when its button is pressed, or a message why not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from refseg.ui.messages import NO_RESULT, Message, failure, messages_html
from refseg.ui.session import Folder

Saved = tuple[str | None, Any]
"""(path of the file or None, markup of a message or "leave it as it is")."""


def save_file(folder: Folder, name: str, write: Callable[[Path], None]) -> Saved:
    """The file `name` in `folder`, as `write` writes it to the path it is given; when that fails, what to say."""
    path = folder.file(name)
    try:
        write(path)
    except Exception as error:
        return None, messages_html([failure(error)])
    return str(path), gr.skip()


def nothing_to_save() -> Saved:
    """Before there is a result."""
    return None, messages_html([Message(NO_RESULT, "error")])
