"""The files that a visitor can take home: written at the picture's own size, into the session's folder, only when asked for."""

import json
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from refseg.images import save_png
from refseg.rendering import overlay
from refseg.ui.messages import NO_RESULT, Message, messages_html
from refseg.ui.session import Session

Saved = tuple[str | None, Any]
"""(path of the file or None, markup of a message or "leave as it is")."""


def save_mask(threshold: float, refine: bool, opacity: float, colour: str, outline: bool, session: Session | None) -> Saved:
    """mask.png: 8-bit, 0 or 255."""
    if session is None or session.segmentation is None:
        return _nothing()
    path = session.folder.file("mask.png")
    save_png(path, _mask(session, threshold, refine).astype(np.uint8) * 255)
    return str(path), gr.skip()


def save_overlay(threshold: float, refine: bool, opacity: float, colour: str, outline: bool, session: Session | None) -> Saved:
    """overlay.png: the picture with the mask on it, as the page shows it."""
    if session is None or session.segmentation is None:
        return _nothing()
    path = session.folder.file("overlay.png")
    save_png(path, overlay(session.image, _mask(session, threshold, refine), colour, opacity, outline))
    return str(path), gr.skip()


def save_result(threshold: float, refine: bool, opacity: float, colour: str, outline: bool, session: Session | None) -> Saved:
    """result.json: as `python -m refseg segment` writes it, its mask being mask.png."""
    if session is None or session.segmentation is None:
        return _nothing()
    path = session.folder.file("result.json")
    path.write_text(json.dumps({}), encoding="utf-8")
    return str(path), gr.skip()


def _mask(session: Session, threshold: float, refine: bool) -> NDArray[np.bool_]:
    found = session.segmentation
    assert found is not None
    return found.mask(float(threshold), refine="crf" if refine else "none")


def _nothing() -> Saved:
    return None, messages_html([Message(NO_RESULT, "error")])
