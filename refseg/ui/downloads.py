"""The files that a visitor can take home: written at the picture's own size, into the session's folder, only when asked for."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from refseg.files import replacing
from refseg.images import save_png
from refseg.inference.record import result_record, segmentation_entry
from refseg.rendering import overlay
from refseg.ui.saving import Saved, nothing_to_save, save_file
from refseg.ui.session import Session

if TYPE_CHECKING:
    from refseg.inference.segmentation import Segmentation


class Downloads:
    """The download buttons' callbacks; each takes the state of the controls and the visitor's session. `model` is named in result.json."""

    def __init__(self, model: str) -> None:
        self._model = model

    def save_mask(self, threshold: float, refine: bool, session: Session | None) -> Saved:
        """mask.png: 8-bit, 0 or 255."""

        def write(session: Session, found: "Segmentation", path: Path) -> None:
            save_png(path, session.mask(threshold, refine).astype(np.uint8) * 255)

        return _save(session, "mask.png", write)

    def save_overlay(self, threshold: float, refine: bool, opacity: float, colour: str, outline: bool, session: Session | None) -> Saved:
        """overlay.png: the picture with the mask on it, as the page shows it."""

        def write(session: Session, found: "Segmentation", path: Path) -> None:
            save_png(path, overlay(session.image, session.mask(threshold, refine), colour, opacity, outline))

        return _save(session, "overlay.png", write)

    def save_result(self, threshold: float, refine: bool, session: Session | None) -> Saved:
        """result.json: as `python -m refseg segment` writes it, its mask being mask.png."""

        def write(session: Session, found: "Segmentation", path: Path) -> None:
            mask, part = session.mask(threshold, refine), session.chosen is not None
            entry = segmentation_entry(found, mask, "mask.png", threshold, "crf" if refine else "none", part)
            record = result_record(session.name, self._model, [entry])
            with replacing(path) as temporary:
                temporary.write_text(json.dumps(record, ensure_ascii=False, indent=2, allow_nan=False) + "\n", encoding="utf-8")

        return _save(session, "result.json", write)


def _save(session: Session | None, name: str, write: Callable[[Session, "Segmentation", Path], None]) -> Saved:
    if session is None or session.segmentation is None:
        return nothing_to_save()
    return save_file(session.folder, name, partial(write, session, session.segmentation))
