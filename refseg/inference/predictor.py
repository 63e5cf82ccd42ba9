"""Runs a system on a device, in a precision. It has no state of any user."""

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from refseg.errors import CheckpointError, InputError
from refseg.images import load_image
from refseg.inference.calibration import PresenceCalibration
from refseg.inference.checkpoint import load_checkpoint
from refseg.inference.device import check_precision, choose_device, choose_precision
from refseg.inference.hub import resolve_model
from refseg.inference.nested_tensors import all_finite, map_tensors, tensors_of
from refseg.inference.response import strongest_channels
from refseg.inference.segmentation import Segmentation
from refseg.language import Expression, Tokenizer, Vocabulary
from refseg.letterbox import Letterbox, network_input
from refseg.models.config import SystemConfig
from refseg.models.layers.precision import at_least_float32
from refseg.models.system import GATE, RESPONSE, WORD_ATTENTION, WORD_MAPS, Answer, Encoded, MapDescription, System

MAX_CHUNK = 16  # expressions in one pass; more gain nothing
CHUNK_BYTES = 1_000_000_000  # of the maps in one pass, roughly
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class EncodedImage:
    """An image with its features, for any number of expressions. Drop it to free its memory.

    image (H, W, 3) uint8, read-only.  features: on the predictor's device; about 23 MB for the embedded model (see
    `nbytes`).  model: name of the predictor that made it.  encoder: its `identity`, which a predictor must share to use
    the features.
    """

    image: NDArray[np.uint8] = field(repr=False)
    letterbox: Letterbox
    features: Encoded = field(repr=False)
    model: str
    encoder: str = field(repr=False)

    @property
    def device(self) -> torch.device:
        """Where the features are."""
        return next(tensors_of(self.features)).device

    @property
    def nbytes(self) -> int:
        """Memory of the features, in bytes."""
        return sum(tensor.nbytes for tensor in tensors_of(self.features))

    def to(self, device: torch.device | str) -> "EncodedImage":
        """The same image with its features on another device."""
        if self.device == torch.device(device):
            return self
        return replace(self, features=map_tensors(self.features, lambda tensor: tensor.to(device)))


class Predictor:
    """A system and its vocabulary on one device. Several threads may use it, one at a time.

    The system is put into evaluation mode and moved.  device: see `choose_device`.  precision: see `choose_precision`.
    threshold: the default for masks. presence: calibration of the system's presence logit.  name: what results call the
    model.  weights: SHA-256 of their file, if known.  identity: those weights, or a random token if they are not known;
    two models may share a name, so a name does not identify one. Raises DeviceError.
    """

    def __init__(
        self,
        system: System,
        vocabulary: Vocabulary,
        *,
        device: str = "auto",
        precision: str = "auto",
        threshold: float = 0.5,
        presence: PresenceCalibration | None = None,
        name: str = "embedded",
        weights: str | None = None,
    ) -> None:
        self.vocabulary, self.threshold, self.name, self.weights = vocabulary, threshold, name, weights
        self.identity = weights or secrets.token_hex(16)
        self.presence = presence or PresenceCalibration()
        self.tokenizer = Tokenizer(vocabulary, system.config.max_words)
        self._system = system.eval()
        self._lock = threading.Lock()
        self._wanted_precision = precision
        self.place(device)

    @classmethod
    def load(cls, model: str | Path | None = None, *, device: str = "auto", precision: str = "auto") -> "Predictor":
        """From a checkpoint folder, a Hub repository `user/name[@revision]`, or the embedded checkpoint (None).

        Raises CheckpointError, HubError or DeviceError.
        """
        check_precision(precision, choose_device(device))  # before anything is downloaded
        source = resolve_model(model)
        system, vocabulary, config = load_checkpoint(source.folder)
        presence = PresenceCalibration.from_dict(config["presence"]) if "presence" in config else None
        threshold = float(config["threshold"])
        weights = config.get("weights_sha256")
        return cls(
            system,
            vocabulary,
            device=device,
            precision=precision,
            threshold=threshold,
            presence=presence,
            name=source.name,
            weights=weights,
        )

    def place(self, device: str) -> "Predictor":
        """Move the system; images encoded before are moved when they are next used. Returns self; raises
        DeviceError.
        """
        chosen = choose_device(device)
        check_precision(self._wanted_precision, chosen)
        with self._lock:
            self.device = chosen
            self._dtype: torch.dtype | None = None
            self._system.to(chosen)
            # The embedded model answers about four times as fast on a CPU with the channels last.
            self._system.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
        return self

    @property
    def config(self) -> SystemConfig:
        """The system's configuration."""
        return self._system.config

    @property
    def map_descriptions(self) -> Mapping[str, MapDescription]:
        """Descriptions of the maps of this model's answers, by name; see `Segmentation.maps`."""
        return self._system.map_descriptions

    def can(self, ability: type) -> bool:
        """Whether the system has an ability, one of the protocols in `refseg.models.system`."""
        return isinstance(self._system, ability)

    @property
    def dtype(self) -> torch.dtype:
        """The number format that the system computes in; chosen at first use, because a GPU may be attached only during
        a call.
        """
        if self._dtype is None:
            self._dtype = choose_precision(self._wanted_precision, self.device)
        return self._dtype

    @property
    def precision(self) -> str:
        """Name of that number format."""
        return str(self.dtype).removeprefix("torch.")

    @contextmanager
    def running(self) -> Iterator[System]:
        """The system for the time of the block: other threads wait, no gradients, in the predictor's precision."""
        with self._lock, torch.inference_mode(), self._autocast():
            yield self._system

    def retry_in_float32(self, step: Callable[..., T], *inputs: object) -> T:
        """step(*inputs), tensors or tuples of them, in the predictor's precision; once more in float32 if half
        precision overflowed. Within `running`.
        """
        result = step(*inputs)
        if self.dtype == torch.float32 or all_finite(result):
            return result
        with torch.autocast(self.device.type, enabled=False):
            return step(*map_tensors(inputs, at_least_float32))

    def letterbox(self, image: NDArray[np.uint8]) -> tuple[Letterbox, Tensor, Tensor]:
        """An image (H, W, 3) as the system expects it: its letterbox, images (1, 3, S, S) in 0..1 and windows (1, 4),
        on the device.
        """
        letterbox, images, windows = network_input(image, self.config.image_size, self.config.padding)
        return letterbox, images.to(self.device), windows.to(self.device)

    def encode(self, image: NDArray[np.uint8]) -> EncodedImage:
        """Encode an image, uint8 (H, W, 3) RGB: one pass of the backbone. Raises ImageError for arrays of
        another kind.
        """
        image = load_image(image).view()
        image.setflags(write=False)  # of this view only
        letterbox, pixels, windows = self.letterbox(image)
        with self.running() as system:
            features = self.retry_in_float32(system.encode, pixels, windows)
        return self.encoded(image, letterbox, features)

    def encoded(self, image: NDArray[np.uint8], letterbox: Letterbox, features: Encoded) -> EncodedImage:
        """An image with features that this predictor's system has computed."""
        return EncodedImage(image, letterbox, features, self.name, self.identity)

    def check(self, encoded: EncodedImage) -> None:
        """Raises InputError for an image that another model has encoded."""
        if encoded.encoder == self.identity and encoded.letterbox.size == self.config.image_size:
            return
        if encoded.model == self.name:
            raise InputError(
                f"the image was encoded by another model of the name {self.name}, expected this one: encode it again"
            )
        raise InputError(f"the image was encoded by the model {encoded.model}, expected {self.name}: encode it again")

    def segment(self, encoded: EncodedImage, expressions: Sequence[str | Expression]) -> list[Segmentation]:
        """One answer per expression, all in one pass (or in passes of as many as fit into memory); the backbone does
        not run.

        expressions: as typed, or already tokenized by this predictor's tokenizer. An answer depends on the other
        expressions by rounding errors at most. Raises ExpressionError for the first expression that cannot be used,
        InputError for an image that another model has encoded.
        """
        if isinstance(expressions, str):
            raise InputError(f"got the text {expressions[:40]!r}, expected a list of expressions: put it into brackets")
        self.check(encoded)
        read = [text if isinstance(text, Expression) else self.tokenizer.encode(text) for text in expressions]
        answers: list[Segmentation] = []
        chunk = self._chunk()
        for start in range(0, len(read), chunk):
            answers += self.answer(encoded, read[start : start + chunk])
        return answers

    def answer(self, encoded: EncodedImage, expressions: Sequence[Expression]) -> list[Segmentation]:
        """`segment` for as many tokenized expressions as fit into one pass."""
        answer = self._answer(encoded, expressions)
        unknown = {
            word for expression in expressions for word in expression.unknown
        }  # variants of one expression share them
        nearest = {word: self.vocabulary.nearest(word) for word in unknown}
        return [
            self._segmentation(encoded, expression, answer, row, nearest) for row, expression in enumerate(expressions)
        ]

    def _chunk(self) -> int:
        """Expressions to one pass."""
        return max(1, min(MAX_CHUNK, CHUNK_BYTES // max(1, self.config.answer_bytes)))

    def _answer(self, encoded: EncodedImage, expressions: Sequence[Expression]) -> Answer:
        """Logits, presence and maps on the CPU in float32, the response reduced to its strongest channel. Raises
        CheckpointError for values that are not finite.
        """
        tokens, valid = (torch.from_numpy(array) for array in self.tokenizer.batch(expressions))
        with self.running() as system:
            features = encoded.to(self.device).features
            index = torch.zeros(len(tokens), dtype=torch.int64, device=self.device)
            answer = self.retry_in_float32(
                system.answer, features, tokens.to(self.device), valid.to(self.device), index
            )
            shown = answer._replace(internals=None)
            if not all_finite(shown):
                raise CheckpointError(
                    f"the model {self.name} answers with values that are not finite numbers: its weights are unusable,"
                    " choose another model"
                )
            if RESPONSE in shown.maps:  # all channels would be large, and only the strongest is shown
                shown.maps[RESPONSE] = strongest_channels(shown.maps[RESPONSE], encoded.letterbox)
            return map_tensors(shown, lambda tensor: tensor.float().cpu())

    def _segmentation(
        self, encoded: EncodedImage, expression: Expression, answer: Answer, row: int, nearest: dict[str, list[str]]
    ) -> Segmentation:
        words = len(expression.tokens)
        # Copies: a view would keep the whole pass in memory.
        maps = {name: values[row].numpy().copy() for name, values in answer.maps.items()}
        attention, word_maps = maps.pop(WORD_ATTENTION, None), maps.pop(WORD_MAPS, None)
        return Segmentation(
            expression=expression.text,
            image=encoded.image,
            letterbox=encoded.letterbox,
            tokens=expression.tokens,
            unknown=expression.unknown,
            dropped=expression.dropped,
            suggestions={word: list(nearest[word]) for word in expression.unknown},
            threshold=self.threshold,
            presence=None if answer.presence is None else self.presence.probability(float(answer.presence[row])),
            presence_threshold=self.presence.threshold,
            logits=answer.logits[row].numpy().copy(),
            strongest=maps.pop(RESPONSE, None),
            word_attention=None if attention is None else attention[:, :words].copy(),
            word_maps=None if word_maps is None else word_maps[:, :words].copy(),
            gate=None if GATE not in answer.numbers else float(answer.numbers[GATE][row]),
            maps=maps,
            map_descriptions=self.map_descriptions,
        )

    def _autocast(self) -> AbstractContextManager[object]:
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)
