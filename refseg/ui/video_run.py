"""One run over a clip: what has been answered so far, on disk, for the page to scrub through and to save."""

import secrets
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from refseg.images import Letterbox
from refseg.inference.doubt import doubt_of
from refseg.inference.timeline import Timeline
from refseg.inference.video import FrameResult
from refseg.pictures import reduced_image
from refseg.ui.session import Folder
from refseg.video.reader import Clip

REACH = 8.0  # logits beyond are cut for the browser: the threshold slider ends at 3.9
STEPS = 4000  # of the whole numbers in which they are sent, to one logit
_VIEWS = ((150, 720), (600, 560))  # up to so many frames, the longest side of a frame in the browser
_SMALLEST_VIEW = 400


@dataclass(eq=False)
class VideoRun:
    """A clip, an expression and the answers so far; never shared between visitors. Only `add` changes it.

    name: what the visitor calls the clip.  token: names the run to the page's script; nobody can guess another's.  stopped: the visitor wants no more of it.
    """

    clip: Clip
    name: str
    expression: str
    tokens: tuple[str, ...] = ()
    model: str = ""
    timeline: Timeline = field(default_factory=Timeline)
    damage: str | None = None
    folder: Folder = field(default_factory=Folder, repr=False)
    token: str = field(default_factory=secrets.token_urlsafe)
    letterbox: Letterbox | None = None
    stopped: bool = False

    @property
    def done(self) -> int:
        """Frames answered."""
        return len(self.timeline.moments)

    def add(self, result: FrameResult) -> None:
        """Saves the logits of one more result and a reduced view of its frame."""
        answer = result.segmentation
        number = result.frame.number
        self.letterbox, self.tokens = answer.letterbox, answer.tokens
        np.save(self.folder.file(f"logits-{number:05d}.npy"), answer.logits.astype(np.float16), allow_pickle=False)
        view = reduced_image(result.frame.image, self._view())
        _, data = cv2.imencode(".jpg", np.ascontiguousarray(view[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 82])
        self.folder.file(f"view-{number:05d}.jpg").write_bytes(data.tobytes())
        self.timeline.add(result, answer.mask(answer.threshold))

    def mask(self, number: int, threshold: float) -> NDArray[np.bool_]:
        """Bool (H, W) at the clip's own size, of a frame that has been answered; as `Segmentation.mask` gives it, but for the rounding to float16."""
        assert self.letterbox is not None  # noqa: S101  set with the first answer
        logits = self.letterbox.inverse(self._logits(number).astype(np.float32))
        return np.asarray(logits >= np.log(threshold / (1 - threshold)))

    def doubt(self, number: int, threshold: float) -> float:
        """How unsure the answer about a frame is, 0..1: see `doubt_of`."""
        assert self.letterbox is not None  # noqa: S101  set with the first answer
        logits = self._logits(number).astype(np.float32)
        return doubt_of(logits[self.letterbox.of_cells(len(logits)).window], threshold, self.timeline.moments[number].presence)

    def masks(self, threshold: float) -> Iterator[NDArray[np.bool_]]:
        """Of every frame answered, one after the other."""
        return (self.mask(number, threshold) for number in range(self.done))

    def frames(self, first: int, last: int) -> list[dict[str, Any]]:
        """What the page's script needs of the frames first..last that have been answered."""
        return [self._frame(number) for number in range(max(0, first), min(last, self.done - 1) + 1)]

    def geometry(self) -> dict[str, Any]:
        """Where the picture lies on the grid of the logits, for the page's script: the square's side, and x, y, width and height in it."""
        box = self.letterbox
        if box is None:
            return {}
        return {"side": box.size, "left": box.left, "top": box.top, "width": box.inner[1], "height": box.inner[0]}

    def _frame(self, number: int) -> dict[str, Any]:
        logits, moment = self._logits(number), self.timeline.moments[number]
        codes = np.round(np.clip(logits.astype(np.float32), -REACH, REACH) * STEPS).astype("<i2")
        view = self.folder.file(f"view-{number:05d}.jpg").read_bytes()
        return {
            "number": number,
            "index": moment.index,
            "time": round(moment.time, 3),
            "picture": f"data:image/jpeg;base64,{b64encode(view).decode('ascii')}",
            "logits": b64encode(codes.tobytes()).decode("ascii"),
            "cells": codes.shape[1],
            "peak": round(moment.peak, 4),
            "presence": None if moment.presence is None else round(moment.presence, 4),
            "absent": moment.absent,
            "words": [round(float(share), 4) for share in np.mean(moment.word_attention, axis=0)],
            "window": list(moment.window),
            "weights": [round(float(weight), 4) for weight in np.mean(moment.weights, axis=0)],
        }

    def _logits(self, number: int) -> NDArray[np.float16]:
        return np.asarray(np.load(self.folder.file(f"logits-{number:05d}.npy"), allow_pickle=False), dtype=np.float16)

    def _view(self) -> int:
        """A long clip is shown smaller: all its frames stay in the browser."""
        return next((side for frames, side in _VIEWS if len(self.clip) <= frames), _SMALLEST_VIEW)


def close_run(run: VideoRun | None) -> None:
    """Removes a run's files; for Gradio to call when it deletes the state."""
    if run is not None:
        run.folder.remove()


def clip_name(path: str, given: str | None) -> str:
    """What the visitor called the clip, without its ending."""
    return Path(given or path).stem[:100] or "clip"
