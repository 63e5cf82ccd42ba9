"""Runs the model for the page, with cached image features where the host allows it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple, Union

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from refseg.inference.model_library import ModelLibrary
    from refseg.inference.predictor import EncodedImage, Predictor
    from refseg.inference.segmentation import Segmentation
    from refseg.inference.video import FrameResult
    from refseg.video.reader import Clip

Models = Union["Predictor", Mapping[str, "Predictor"], "ModelLibrary[Predictor]"]
"""One predictor, several by name, or a library that loads them when they are first used."""

Compute = Callable[[NDArray[np.uint8], Sequence[str]], "list[Segmentation]"]
"""(image uint8 (H, W, 3), expressions) -> one segmentation each. It may run in another process."""

ComputeVideo = Callable[["Clip", str], "Iterator[FrameResult]"]
"""(clip, expression) -> one result per frame, likewise."""

FRAME_COST = 1.5  # time of a frame relative to an image: attention across frames, and decoding


class RunResult(NamedTuple):
    """segmentation.  encoded: features for the next expression, or None.  seconds: time of the model.
    reused: whether cached features were used."""

    segmentation: "Segmentation"
    encoded: "EncodedImage | None"
    seconds: float
    reused: bool


class ModelRunner:
    """Runs the model on every kind of host.

    Without `compute` the image is encoded once and its features are cached.  With `compute` (a host that lends its GPU
    per call, to another process) tensors cannot be cached, and every call encodes the image again.
    """

    def __init__(
        self, models: "Models", compute: Compute | None = None, compute_video: ComputeVideo | None = None
    ) -> None:
        self.models = model_library(models)
        self._compute, self._compute_video = compute, compute_video
        self._seconds_per_frame: float | None = None

    @property
    def is_remote(self) -> bool:
        """Whether a function of the host runs the model, which is the default one then."""
        return self._compute is not None

    @property
    def predictor(self) -> "Predictor":
        """The default model's predictor."""
        return self.models.get()

    def predictor_of(self, encoded: "EncodedImage | None") -> "Predictor":
        """The predictor that encoded an image, if it is loaded; otherwise the default one."""
        if encoded is not None:
            for name in self.models.loaded:
                predictor = self.models.get(name)
                if getattr(predictor, "identity", None) == getattr(encoded, "encoder", ""):
                    return predictor
        return self.predictor

    @property
    def device_label(self) -> str:
        """Device and precision for users: "CPU, float32", "NVIDIA H200, bfloat16"."""
        if self._compute is not None:
            return "shared GPU"
        return f"{device_name(str(self.predictor.device))}, {self.predictor.precision}"

    def encode(self, image: NDArray[np.uint8], model: str | None = None) -> "EncodedImage | None":
        """Features of an image by a model, the default one for None; None where they cannot be cached."""
        return None if self._compute is not None else self.models.get(model).encode(image)

    def run(
        self, image: NDArray[np.uint8], expression: str, encoded: "EncodedImage | None" = None, model: str | None = None
    ) -> RunResult:
        """Segments one expression by a model, the default one for None. Features of another model are not reused.

        Raises what `Predictor.encode` and `Predictor.segment` raise.
        """
        start = perf_counter()
        if self._compute is not None:
            (segmentation,) = self._compute(image, [expression])
            return RunResult(segmentation, None, perf_counter() - start, reused=False)
        predictor = self.models.get(model)
        if encoded is not None and len(self.models.names) > 1 and encoded.encoder != predictor.identity:
            encoded = None
        features = predictor.encode(image) if encoded is None else encoded
        (segmentation,) = predictor.segment(features, [expression])
        return RunResult(segmentation, features, perf_counter() - start, reused=encoded is not None)

    def run_video(self, clip: "Clip", expression: str, model: str | None = None) -> "Iterator[FrameResult]":
        """Results frame by frame, by a model, the default one for None.  Raises what `VideoPredictor.run` raises."""
        if self._compute_video is not None:
            return self._compute_video(clip, expression)
        from refseg.inference.video import VideoPredictor

        return VideoPredictor(self.models.get(model)).run(clip, expression)

    def seconds_per_frame(self) -> float | None:
        """Time of a video frame: of the last run, or measured now on an empty image; None on a lent GPU."""
        if self._seconds_per_frame is None and self._compute is None:
            blank = np.full((480, 640, 3), 114, dtype=np.uint8)
            for _ in range(2):  # the first run is slower: it allocates and compiles
                start = perf_counter()
                self.predictor.segment(self.predictor.encode(blank), ["the object"])
                self._seconds_per_frame = (perf_counter() - start) * FRAME_COST
        return self._seconds_per_frame

    def record_seconds_per_frame(self, seconds: float) -> None:
        """Stores the measured time of a frame after a run."""
        self._seconds_per_frame = seconds


def model_library(models: "Models") -> "ModelLibrary[Predictor]":
    """A library of one predictor, of several by name, or the library itself."""
    from refseg.inference.model_library import ModelLibrary

    if isinstance(models, ModelLibrary):
        return models
    named: dict[str, Predictor] = dict(models) if isinstance(models, Mapping) else {models.name: models}
    return ModelLibrary.of(named)


def device_name(device: str) -> str:
    """The name that users know for a torch device such as "cpu", "cuda:1" or "mps"."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.get_device_name(device)
    return {"cpu": "CPU", "mps": "Apple GPU"}.get(device, device)
