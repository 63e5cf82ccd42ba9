"""The timeline of a video: numbers about the mask of each frame, uncertain frames, and timeline.json."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refseg.inference.result_record import attention_rows, encodable
from refseg.inference.video import FrameResult
from refseg.mask_iou import iou

MIN_STABLE_IOU = 0.5  # IoU with the mask of the frame before, below which a frame is uncertain
MIN_PEAK = 0.6  # peak below which it is


@dataclass(frozen=True)
class TimelineEntry:
    """The numbers of one frame.

    area: of the mask, as a share of the frame.  peak: highest probability.  no_target: the verdict. iou_with_previous:
    of the mask with that of the frame before; None for the first.  window, weights: see `FrameResult`.
    """

    number: int
    index: int
    time: float
    area: float
    peak: float
    presence: float | None
    no_target: bool
    iou_with_previous: float | None
    word_attention: tuple[tuple[float, ...], ...]
    window: tuple[int, int]
    weights: tuple[tuple[float, ...], ...]

    @property
    def has_weak_answer(self) -> bool:
        """Whether the frame's own answer is uncertain, independent of the frame before: a low peak, or no target."""
        return self.peak < MIN_PEAK or self.no_target

    @property
    def is_uncertain(self) -> bool:
        """Whether a user should check the frame: its answer is weak, or its mask differs from that of the
        frame before.
        """
        return self.has_weak_answer or (self.iou_with_previous is not None and self.iou_with_previous < MIN_STABLE_IOU)


@dataclass
class Timeline:
    """The frames so far. It keeps the last mask only."""

    entries: list[TimelineEntry] = field(default_factory=list)
    _previous: NDArray[np.bool_] | None = field(default=None, repr=False)

    def add(self, result: FrameResult, mask: NDArray[np.bool_]) -> TimelineEntry:
        """Add the next frame with the mask that is shown for it."""
        answer = result.segmentation
        entry = TimelineEntry(
            number=result.frame.number,
            index=result.frame.index,
            time=result.frame.time,
            area=0.0,
            peak=answer.peak,
            presence=answer.presence,
            no_target=answer.no_target,
            iou_with_previous=None,
            word_attention=tuple(tuple(level) for level in attention_rows(answer)),
            window=result.window,
            weights=_rounded(result.weights),
        )
        return self.append(entry, mask)

    def append(self, entry: TimelineEntry, mask: NDArray[np.bool_]) -> TimelineEntry:
        """Add an entry with another mask: area and iou_with_previous are computed for `mask`."""
        same_size = self._previous is not None and self._previous.shape == mask.shape
        overlap = iou(self._previous, mask) if same_size and self._previous is not None else None
        self._previous = mask
        entry = replace(entry, area=float(mask.mean()), iou_with_previous=overlap)
        self.entries.append(entry)
        return entry


def timeline_record(
    timeline: Timeline,
    *,
    source: str,
    model: str,
    expression: str,
    tokens: Sequence[str],
    threshold: float,
    rate: float,
    pixel_aspect: Fraction,
    damage: str | None,
    masks: Sequence[str] | None = None,
) -> dict[str, Any]:
    """The content of timeline.json, of JSON types.

    damage: why the video ends early, None if it does not.
    masks: path of each frame's mask in the folder or zip; masks/NUMBER.png by default.
    """
    masks = [mask_name(entry.number) for entry in timeline.entries] if masks is None else masks
    return {
        "input": encodable(source),
        "model": model,
        "expression": encodable(expression),
        "tokens": list(tokens),
        "threshold": float(threshold),
        "rate": round(rate, 6),
        "pixel_aspect": f"{pixel_aspect.numerator}:{pixel_aspect.denominator}",
        "damage": damage,
        "frames": [_entry(entry, mask) for entry, mask in zip(timeline.entries, masks, strict=True)],
    }


def _entry(entry: TimelineEntry, mask: str) -> dict[str, Any]:
    return {
        "frame": entry.index,
        "time": round(entry.time, 6),
        "mask": mask,
        "area_fraction": round(entry.area, 6),
        "peak": round(entry.peak, 6),
        "presence": None if entry.presence is None else round(entry.presence, 6),
        "iou_with_previous": None if entry.iou_with_previous is None else round(entry.iou_with_previous, 6),
        "doubtful": entry.is_uncertain,  # a public key
        "uncertain": entry.is_uncertain,
        "word_attention": [list(level) for level in entry.word_attention],
        "window": list(entry.window),
        "window_weights": [list(level) for level in entry.weights],
    }


def mask_name(number: int) -> str:
    """Path of a frame's mask in a folder of results."""
    return f"masks/{number:05d}.png"


def _rounded(rows: NDArray[np.float32]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(float(value), 6) for value in row) for row in rows)
