"""The stateful side of the network: it owns the device, and knows no user."""

import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from refseg.errors import CheckpointError, InputError
from refseg.images import Letterbox, load_image, network_input
from refseg.inference.calibration import PresenceCalibration
from refseg.inference.checkpoint import load_checkpoint
from refseg.inference.device import check_precision, choose_device, choose_precision
from refseg.inference.explain import strongest_channels
from refseg.inference.hub import resolve_model
from refseg.inference.segmentation import Segmentation
from refseg.inference.tensors import all_finite, changed, tensors_of
from refseg.language import Expression, Tokeniser, Vocabulary
from refseg.models.config import NetworkConfig
from refseg.models.encoded import EncodedImages, NetworkOutput
from refseg.models.features import at_least_float32
from refseg.models.network import ReferringNetwork
from refseg.models.selection import Selected

MAX_CHUNK = 16  # expressions in one pass; more gain nothing
CHUNK_BYTES = 1_000_000_000  # of the maps that one pass may hold, roughly
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class EncodedImage:
    """A picture with its features, for any number of expressions; keep it as long as expressions may come, drop it to free its memory.

    image (H, W, 3) uint8, read-only.  features: about 23 MB for the compact network, 80 MB for the paper's, on the predictor's device (see `nbytes`).
    model: name of the predictor that made it.  encoder: its `identity`, which a predictor must share to use the features.
    """

    image: NDArray[np.uint8] = field(repr=False)
    letterbox: Letterbox
    features: EncodedImages = field(repr=False)
    model: str
    encoder: str = field(repr=False)

    @property
    def device(self) -> torch.device:
        """Where the features are."""
        return self.features.parts[0].features.device

    @property
    def nbytes(self) -> int:
        """Memory of the features, in bytes."""
        return sum(tensor.nbytes for tensor in tensors_of(self.features))

    def to(self, device: torch.device | str) -> "EncodedImage":
        """The same picture with its features on another device."""
        if self.device == torch.device(device):
            return self
        return replace(self, features=changed(self.features, lambda tensor: tensor.to(device)))


class Predictor:
    """A network and its vocabulary on one device; may be used from several threads, which take turns.

    The network is put into evaluation mode and moved.  device: see `choose_device`.  precision: see `choose_precision`.  threshold: the default for
    masks.  presence: how sure the network's presence logit is.  name: what results call the model.  weights: SHA-256 of their file, where that is known.
    identity: those weights, or a token of this predictor's own where they are not known; names are no proof, as many folders share one.
    Raises DeviceError.
    """

    def __init__(
        self,
        network: ReferringNetwork,
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
        self.tokeniser = Tokeniser(vocabulary, network.config.max_words)
        self._network = network.eval()
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
        network, vocabulary, config = load_checkpoint(source.folder)
        presence = PresenceCalibration.from_dict(config["presence"]) if "presence" in config else None
        threshold = float(config["threshold"])
        weights = config.get("weights_sha256")
        return cls(
            network,
            vocabulary,
            device=device,
            precision=precision,
            threshold=threshold,
            presence=presence,
            name=source.name,
            weights=weights,
        )

    def place(self, device: str) -> "Predictor":
        """Move the network; pictures encoded before are moved when they are next used. Returns self; raises DeviceError."""
        chosen = choose_device(device)
        check_precision(self._wanted_precision, chosen)
        with self._lock:
            self.device = chosen
            self._dtype: torch.dtype | None = None
            self._network.to(chosen)
            # A compact network answers about four times as fast on a CPU with the channels last.
            self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
        return self

    @property
    def config(self) -> NetworkConfig:
        """The network's configuration."""
        return self._network.config

    @property
    def dtype(self) -> torch.dtype:
        """The number format that the network computes in; found at first use, as a GPU may be lent for the time of a call only."""
        if self._dtype is None:
            self._dtype = choose_precision(self._wanted_precision, self.device)
        return self._dtype

    @property
    def precision(self) -> str:
        """Name of that number format."""
        return str(self.dtype).removeprefix("torch.")

    @contextmanager
    def running(self) -> Iterator[ReferringNetwork]:
        """The network for the time of the block: nobody else's turn, no gradients, in the predictor's precision."""
        with self._lock, torch.inference_mode(), self._autocast():
            yield self._network

    def without_overflow(self, step: Callable[..., T], *inputs: object) -> T:
        """step(*inputs), tensors or tuples of them, in the predictor's precision, or in float32 where half precision overflowed; within `running`."""
        result = step(*inputs)
        if self.dtype == torch.float32 or all_finite(result):
            return result
        with torch.autocast(self.device.type, enabled=False):
            return step(*changed(inputs, at_least_float32))

    def square(self, image: NDArray[np.uint8]) -> tuple[Letterbox, Tensor, Tensor]:
        """A picture (H, W, 3) as the network wants it: its letterbox, images (1, 3, S, S) in 0..1 and windows (1, 4), on the device."""
        letterbox, images, windows = network_input(image, self.config.image_size)
        return letterbox, images.to(self.device), windows.to(self.device)

    def encode(self, image: NDArray[np.uint8]) -> EncodedImage:
        """Features of a picture, uint8 (H, W, 3) RGB: one pass of the backbone. Raises ImageError for arrays of another kind."""
        image = load_image(image).view()
        image.setflags(write=False)  # of this view only
        letterbox, pixels, windows = self.square(image)
        with self.running() as network:
            features = self.without_overflow(network.encode, pixels, windows)
        return self.encoded(image, letterbox, features)

    def encoded(self, image: NDArray[np.uint8], letterbox: Letterbox, features: EncodedImages) -> EncodedImage:
        """A picture with features that this predictor's network has made of it."""
        return EncodedImage(image, letterbox, features, self.name, self.identity)

    def check(self, encoded: EncodedImage) -> None:
        """Raises InputError for a picture that another model has encoded."""
        if encoded.encoder == self.identity and encoded.letterbox.size == self.config.image_size:
            return
        if encoded.model == self.name:
            raise InputError(f"the picture was encoded by another model of the name {self.name}, expected this one: encode it again")
        raise InputError(f"the picture was encoded by the model {encoded.model}, expected {self.name}: encode it again")

    def segment(self, encoded: EncodedImage, expressions: Sequence[str | Expression]) -> list[Segmentation]:
        """One answer per expression, all in one pass (or in passes of as many as fit into memory); the backbone does not run.

        expressions: as typed, or already read by this predictor's tokeniser. An answer does not depend, but for rounding, on what is asked with it.
        Raises ExpressionError for the first expression that cannot be used, InputError for a picture that another model has encoded.
        """
        if isinstance(expressions, str):
            raise InputError(f"got the text {expressions[:40]!r}, expected a list of expressions: put it into brackets")
        self.check(encoded)
        read = [text if isinstance(text, Expression) else self.tokeniser.encode(text) for text in expressions]
        answers: list[Segmentation] = []
        chunk = self._chunk(encoded)
        for start in range(0, len(read), chunk):
            answers += self.answer(encoded, read[start : start + chunk])
        return answers

    def answer(self, encoded: EncodedImage, expressions: Sequence[Expression], selected: Selected | None = None) -> list[Segmentation]:
        """What `segment` does for as many expressions as fit into one pass, already read; selected: see `ReferringNetwork.attend`."""
        output, strongest = self._attend(encoded, expressions, selected)
        unknown = {word for expression in expressions for word in expression.unknown}  # variants of one expression share them
        nearest = {word: self.vocabulary.nearest(word) for word in unknown}
        return [self._segmentation(encoded, expression, output, strongest, row, nearest) for row, expression in enumerate(expressions)]

    def _chunk(self, encoded: EncodedImage) -> int:
        """Expressions to one pass: each holds about three maps of every level's multimodal features, and its word attention."""
        config, (h, w) = self.config, encoded.features.grid
        channels = config.visual + config.embedding + config.context + config.channels
        floats = 3 * h * w * (3 * channels + config.max_words**2)
        return max(1, min(MAX_CHUNK, CHUNK_BYTES // (4 * floats)))

    def _attend(self, encoded: EncodedImage, expressions: Sequence[Expression], selected: Selected | None) -> tuple[NetworkOutput, Tensor]:
        """(outputs, strongest channels (K, h, w)), on the CPU in float32. Raises CheckpointError for a network that answers with no numbers."""
        tokens, valid = (torch.from_numpy(array) for array in self.tokeniser.batch(expressions))
        with self.running() as network:
            features = encoded.to(self.device).features
            output = self.without_overflow(
                network.attend,
                features,
                tokens.to(self.device),
                valid.to(self.device),
                torch.zeros(len(tokens), dtype=torch.int64, device=self.device),
                selected,
            )
            if not all_finite(output):
                raise CheckpointError(
                    f"the model {self.name} answers with values that are not numbers: its weights are unusable, choose another model"
                )
            strongest = strongest_channels(output.features, encoded.letterbox).float().cpu()
            kept = output._replace(features=output.features[:, :0], dense=None)  # large, and no longer needed
            return changed(kept, lambda tensor: tensor.float().cpu()), strongest

    def _segmentation(
        self,
        encoded: EncodedImage,
        expression: Expression,
        output: NetworkOutput,
        strongest: Tensor,
        row: int,
        nearest: dict[str, list[str]],
    ) -> Segmentation:
        words = len(expression.tokens)
        return Segmentation(
            expression=expression.text,
            image=encoded.image,
            letterbox=encoded.letterbox,
            tokens=expression.tokens,
            unknown=expression.unknown,
            dropped=expression.dropped,
            suggestions={word: list(nearest[word]) for word in expression.unknown},
            threshold=self.threshold,
            presence=None if output.presence is None else self.presence.probability(float(output.presence[row])),
            presence_threshold=self.presence.threshold,
            gate=None if output.gate is None else float(output.gate[row]),
            # Copies: a view would keep the whole pass in memory.
            logits=output.logits[row].numpy().copy(),
            strongest=strongest[row].numpy().copy(),
            word_attention=output.word_attention[row, :, :words].numpy().copy(),
            word_maps=output.word_maps[row, :, :words].numpy().copy(),
            memory_gates=output.memory_gates[row].numpy().copy(),
            reset_gates=output.reset_gates[row].numpy().copy(),
        )

    def _autocast(self) -> AbstractContextManager[object]:
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)
