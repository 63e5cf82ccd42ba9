"""Runs the network for the page, with cached picture features where the host allows it."""

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from refseg.inference.predictor import EncodedImage, Predictor
    from refseg.inference.segmentation import Segmentation
    from refseg.inference.video import FrameResult
    from refseg.video.reader import Clip

Compute = Callable[[NDArray[np.uint8], Sequence[str]], "list[Segmentation]"]
"""(image uint8 (H, W, 3), expressions) -> one segmentation each; numpy in and out, so it may run in another process."""

ComputeClip = Callable[["Clip", str], "Iterator[FrameResult]"]
"""(clip, expression) -> one answer a frame, likewise."""


ACROSS_FRAMES = 1.5  # a frame of a clip takes so many times as long as a picture: attention across frames, reading


class Answer(NamedTuple):
    """segmentation; encoded, to be handed in again with the next expression, or None; seconds the network took; whether `encoded` was reused."""

    segmentation: "Segmentation"
    encoded: "EncodedImage | None"
    seconds: float
    reused: bool


class Runner:
    """One way to run the network on every host.

    Without `compute` the picture is encoded once and its features stay with the session.  With `compute` (a host that lends its GPU to one call
    at a time, in a process of its own) tensors cannot be kept, so each answer encodes the picture again.
    """

    def __init__(self, predictor: "Predictor", compute: Compute | None = None, compute_clip: ComputeClip | None = None) -> None:
        self.predictor = predictor
        self._compute, self._compute_clip = compute, compute_clip
        self._pace: float | None = None

    @property
    def place(self) -> str:
        """The device and precision, for people: "CPU", "NVIDIA H200, bfloat16"."""
        if self._compute is not None:
            return "shared GPU"
        return f"{device_name(str(self.predictor.device))}, {self.predictor.precision}"

    def encode(self, image: NDArray[np.uint8]) -> "EncodedImage | None":
        """Features of `image`, or None where they cannot be kept."""
        return None if self._compute is not None else self.predictor.encode(image)

    def run(self, image: NDArray[np.uint8], expression: str, encoded: "EncodedImage | None" = None) -> Answer:
        """Segments one expression.  Raises what `Predictor.encode` and `Predictor.segment` raise."""
        start = perf_counter()
        if self._compute is not None:
            (segmentation,) = self._compute(image, [expression])
            return Answer(segmentation, None, perf_counter() - start, reused=False)
        features = self.predictor.encode(image) if encoded is None else encoded
        (segmentation,) = self.predictor.segment(features, [expression])
        return Answer(segmentation, features, perf_counter() - start, reused=encoded is not None)

    def run_clip(self, clip: "Clip", expression: str) -> "Iterator[FrameResult]":
        """Answers frame by frame.  Raises what `VideoPredictor.run` raises."""
        if self._compute_clip is not None:
            return self._compute_clip(clip, expression)
        from refseg.inference.video import VideoPredictor

        return VideoPredictor(self.predictor).run(clip, expression)

    def seconds_a_frame(self) -> float | None:
        """What a frame of a clip takes here: of the last run, or measured now on an empty picture; None where the GPU is another process's."""
        if self._pace is None and self._compute is None:
            blank = np.full((480, 640, 3), 114, dtype=np.uint8)
            for _ in range(2):  # the first run sets things up
                start = perf_counter()
                self.predictor.segment(self.predictor.encode(blank), ["the thing"])
                self._pace = (perf_counter() - start) * ACROSS_FRAMES
        return self._pace

    def note_pace(self, seconds: float) -> None:
        """What a frame took in a run that has ended."""
        self._pace = seconds


def device_name(device: str) -> str:
    """What people call a torch device such as "cpu", "cuda:1" or "mps"."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.get_device_name(device)
    return {"cpu": "CPU", "mps": "Apple GPU"}.get(device, device)
