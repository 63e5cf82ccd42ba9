"""Files for download: written into a folder of the session when their button is clicked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from refseg.ui.messages import NO_RESULT, Message, error_message, messages_html
from refseg.ui.session import SessionFolder

Saved = tuple[str | None, Any]
"""(path of the file or None, markup of a message or `gr.skip()`)."""


def save_file(folder: SessionFolder, name: str, write: Callable[[Path], None]) -> Saved:
    """Writes the file `name` with `write`, or returns a message that says why it failed."""
    path = folder.file(name)
    try:
        write(path)
    except Exception as error:
        return None, messages_html([error_message(error)])
    return str(path), gr.skip()


def nothing_to_save() -> Saved:
    """The message when there is no result."""
    return None, messages_html([Message(NO_RESULT, "error")])
