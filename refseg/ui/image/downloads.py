"""Downloads of the image tab, written at the image's original size when their button is clicked."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from refseg.files import write_json
from refseg.images import save_png
from refseg.inference.result_record import result_record, segmentation_entry
from refseg.rendering import overlay
from refseg.ui.saved_files import Saved, nothing_to_save, save_file
from refseg.ui.session import ImageSession

if TYPE_CHECKING:
    from refseg.inference.segmentation import Segmentation


class ImageDownloads:
    """The download buttons' callbacks. Each takes the controls' values and the session. model: name for result.json."""

    def __init__(self, model: str) -> None:
        self._model = model

    def save_mask(self, threshold: float, refine: bool, session: ImageSession | None) -> Saved:
        """mask.png: 8-bit, 0 or 255."""

        def write(session: ImageSession, segmentation: "Segmentation", path: Path) -> None:
            save_png(path, session.mask(threshold, refine).astype(np.uint8) * 255)

        return _save(session, "mask.png", write)

    def save_overlay(
        self, threshold: float, refine: bool, opacity: float, color: str, outline: bool, session: ImageSession | None
    ) -> Saved:
        """overlay.png: the image with the mask, as the page shows it."""

        def write(session: ImageSession, segmentation: "Segmentation", path: Path) -> None:
            save_png(path, overlay(session.image, session.mask(threshold, refine), color, opacity, outline))

        return _save(session, "overlay.png", write)

    def save_result(self, threshold: float, refine: bool, session: ImageSession | None) -> Saved:
        """result.json: as `python -m refseg segment` writes it. Its mask is mask.png."""

        def write(session: ImageSession, segmentation: "Segmentation", path: Path) -> None:
            mask, is_part = session.mask(threshold, refine), session.candidate is not None
            entry = segmentation_entry(segmentation, mask, "mask.png", threshold, "crf" if refine else "none", is_part)
            record = result_record(session.name, self._model, [entry])
            write_json(path, record)

        return _save(session, "result.json", write)


def _save(
    session: ImageSession | None, name: str, write: Callable[[ImageSession, "Segmentation", Path], None]
) -> Saved:
    if session is None or session.segmentation is None:
        return nothing_to_save()
    return save_file(session.folder, name, partial(write, session, session.segmentation))
