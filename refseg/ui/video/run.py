"""One run over a clip: the results so far, on disk, for the player to fetch and for downloads."""

import secrets
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from refseg.image_encoding import data_uri, reduced_image
from refseg.inference.timeline import Timeline
from refseg.inference.uncertainty import uncertainty_of
from refseg.inference.video import FrameResult
from refseg.letterbox import Letterbox
from refseg.ui.session import SessionFolder
from refseg.video.reader import Clip

MAX_LOGIT = 8.0  # logits are clipped for the browser: the threshold slider ends at 3.9
LOGIT_STEPS = 4000  # integers per unit of the logit, as the browser gets them
# Sides of the frames in the browser, which holds all of them: (up to this number of frames, longest side in pixels).
_VIEW_SIDES = ((150, 720), (600, 560))
_SMALLEST_VIEW_SIDE = 400
MAX_VIEW_SIDE = _VIEW_SIDES[0][1]


@dataclass(eq=False)
class VideoRun:
    """A clip, an expression and the results so far. Never shared between visitors. Only `add` changes it.

    name: the clip's name on the visitor's computer.  damage: why the clip ends early, None if it does not. token: names
    the run to the page's script; it cannot be guessed.  is_canceled: whether the visitor has canceled the run.
    """

    clip: Clip
    name: str
    expression: str
    tokens: tuple[str, ...] = ()
    model: str = ""
    timeline: Timeline = field(default_factory=Timeline)
    damage: str | None = None
    folder: SessionFolder = field(default_factory=SessionFolder, repr=False)
    token: str = field(default_factory=secrets.token_urlsafe)
    letterbox: Letterbox | None = None
    is_canceled: bool = False

    @property
    def done(self) -> int:
        """Number of frames with a result."""
        return len(self.timeline.entries)

    def add(self, result: FrameResult) -> None:
        """Stores what is needed of one more result: its logits and a reduced image."""
        segmentation = result.segmentation
        number = result.frame.number
        self.letterbox, self.tokens = segmentation.letterbox, segmentation.tokens
        np.save(self._logits_file(number), segmentation.logits.astype(np.float16), allow_pickle=False)
        view = reduced_image(result.frame.image, self._view_side())
        _, data = cv2.imencode(".jpg", np.ascontiguousarray(view[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 82])
        self._view_file(number).write_bytes(data.tobytes())
        self.timeline.add(result, segmentation.mask(segmentation.threshold))

    def mask(self, number: int, threshold: float) -> NDArray[np.bool_]:
        """Mask (H, W) of a frame at the clip's original size, as `Segmentation.mask` but from float16 logits."""
        assert self.letterbox is not None  # noqa: S101  set with the first result
        logits = self.letterbox.inverse(self._logits(number).astype(np.float32))
        return np.asarray(logits >= np.log(threshold / (1 - threshold)))

    def uncertainty(self, number: int, threshold: float) -> float:
        """Uncertainty of a frame's mask, 0..1: see `uncertainty_of`."""
        assert self.letterbox is not None  # noqa: S101  set with the first result
        logits = self._logits(number).astype(np.float32)
        window = self.letterbox.of_cells(len(logits)).window
        return uncertainty_of(logits[window], threshold, self.timeline.entries[number].presence)

    def masks(self, threshold: float) -> Iterator[NDArray[np.bool_]]:
        """Masks of all frames with a result, in order."""
        return (self.mask(number, threshold) for number in range(self.done))

    def frames(self, first: int, last: int) -> list[dict[str, Any]]:
        """What the player needs of the frames first..last, as far as they have a result."""
        return [self._frame(number) for number in range(max(0, first), min(last, self.done - 1) + 1)]

    def letterbox_json(self) -> dict[str, Any]:
        """Where the frame lies in the network's square, in its pixels; empty before the first result."""
        box = self.letterbox
        if box is None:
            return {}
        return {"side": box.size, "left": box.left, "top": box.top, "width": box.inner[1], "height": box.inner[0]}

    def _frame(self, number: int) -> dict[str, Any]:
        logits, entry = self._logits(number), self.timeline.entries[number]
        encoded = np.round(np.clip(logits.astype(np.float32), -MAX_LOGIT, MAX_LOGIT) * LOGIT_STEPS).astype("<i2")
        view = self._view_file(number).read_bytes()
        return {
            "number": number,
            "index": entry.index,
            "time": round(entry.time, 3),
            "image": data_uri("image/jpeg", view),
            "logits": b64encode(encoded.tobytes()).decode("ascii"),
            "cells": encoded.shape[1],
            "peak": round(entry.peak, 4),
            "presence": None if entry.presence is None else round(entry.presence, 4),
            "no_target": entry.no_target,
            "uncertain": entry.has_weak_answer,
            "words": [round(float(share), 4) for share in np.mean(entry.word_attention, axis=0)],
            "window": list(entry.window),
            "weights": [round(float(weight), 4) for weight in np.mean(entry.weights, axis=0)],
        }

    def _logits(self, number: int) -> NDArray[np.float16]:
        return np.asarray(np.load(self._logits_file(number), allow_pickle=False), dtype=np.float16)

    def _logits_file(self, number: int) -> Path:
        return self.folder.file(f"logits-{number:05d}.npy")

    def _view_file(self, number: int) -> Path:
        return self.folder.file(f"view-{number:05d}.jpg")

    def _view_side(self) -> int:
        """A long clip is shown smaller, because the browser holds all its frames."""
        return next((side for frames, side in _VIEW_SIDES if len(self.clip) <= frames), _SMALLEST_VIEW_SIDE)


def close_run(run: VideoRun | None) -> None:
    """Deletes a run's files. Gradio calls it when it deletes the state."""
    if run is not None:
        run.folder.remove()


def clip_name(path: str, original_name: str | None) -> str:
    """The name of the clip on the visitor's computer, without its suffix."""
    return Path(original_name or path).stem[:100] or "clip"
