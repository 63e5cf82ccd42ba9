"""The stateful side of the network: it owns the device, and knows no user."""

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from refseg.images import Letterbox, load_image, to_tensor
from refseg.inference.checkpoint import EMBEDDED, load_checkpoint
from refseg.inference.device import choose_device, choose_precision
from refseg.inference.segmentation import Segmentation
from refseg.language import Expression, Tokeniser, Vocabulary
from refseg.models.network import EncodedImages, NetworkOutput, ReferringNetwork

CHUNK = 16  # expressions in one pass; the compact network needs about 10 MB of memory for each


@dataclass(frozen=True, eq=False)
class EncodedImage:
    """A picture with its features on the predictor's device, for any number of expressions; about 30 MB for the compact network."""

    image: NDArray[np.uint8] = field(repr=False)
    letterbox: Letterbox
    features: EncodedImages = field(repr=False)


class Predictor:
    """A network and its vocabulary on one device; may be used from several threads, which take turns.

    device: see `choose_device`.  precision: see `choose_precision`.  threshold: the default for masks.  name: what results call the model.
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
        name: str = "embedded",
    ) -> None:
        self.vocabulary, self.threshold, self.name = vocabulary, threshold, name
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
        if model is None:
            folder, name = EMBEDDED, "embedded"
        else:
            from refseg.inference.hub import resolve_model

            source = resolve_model(model)
            folder, name = source.folder, source.name
        network, vocabulary, config = load_checkpoint(folder)
        return cls(network, vocabulary, device=device, precision=precision, threshold=float(config["threshold"]), name=name)

    def place(self, device: str) -> "Predictor":
        """Move the network; pictures encoded before stay where they are and must be encoded anew. Returns self; raises DeviceError."""
        chosen = choose_device(device)
        dtype = choose_precision(self._wanted_precision, chosen)
        with self._lock:
            self.device, self.dtype = chosen, dtype
            self._network.to(chosen)
            self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
        return self

    @property
    def precision(self) -> str:
        """Name of the number format that the network computes in."""
        return str(self.dtype).removeprefix("torch.")

    def encode(self, image: NDArray[np.uint8]) -> EncodedImage:
        """Features of a picture, uint8 (H, W, 3) RGB: one pass of the backbone. Raises ImageError for arrays of another kind."""
        image = load_image(image)
        image.setflags(write=False)
        letterbox = Letterbox.of(image, self._network.config.image_size)
        square = to_tensor(letterbox.forward(image)).unsqueeze(0)
        with self._lock, torch.inference_mode(), self._autocast():
            pixels = square.to(self.device).contiguous(memory_format=torch.channels_last)
            features = self._network.encode(pixels)
        return EncodedImage(image, letterbox, features)

    def segment(self, encoded: EncodedImage, expressions: Sequence[str]) -> list[Segmentation]:
        """One answer per expression, all in one pass (in passes of CHUNK). Raises ExpressionError for the first one that cannot be used."""
        read = [self.tokeniser.encode(text) for text in expressions]
        answers: list[Segmentation] = []
        for start in range(0, len(read), CHUNK):
            chunk = read[start : start + CHUNK]
            output = self._attend(encoded, chunk)
            answers += [self._segmentation(encoded, expression, output, row) for row, expression in enumerate(chunk)]
        return answers

    def _attend(self, encoded: EncodedImage, chunk: Sequence[Expression]) -> NetworkOutput:
        """Outputs on the CPU in float32."""
        tokens, valid = (torch.from_numpy(array) for array in self.tokeniser.batch(chunk))
        index = torch.zeros(len(chunk), dtype=torch.int64)
        with self._lock, torch.inference_mode(), self._autocast():
            output = self._network.attend(encoded.features, tokens.to(self.device), valid.to(self.device), index.to(self.device))
        presence = None if output.presence is None else output.presence.float().cpu()
        maps = {name: part.float().cpu() for name, part in output._asdict().items() if name != "presence"}
        return NetworkOutput(presence=presence, **maps)

    def _segmentation(self, encoded: EncodedImage, expression: Expression, output: NetworkOutput, row: int) -> Segmentation:
        words = len(expression.tokens)
        features = output.features[row]
        strongest = features[features.flatten(1).amax(1).argmax()]
        return Segmentation(
            expression=expression.text,
            image=encoded.image,
            letterbox=encoded.letterbox,
            tokens=expression.tokens,
            unknown=expression.unknown,
            dropped=expression.dropped,
            suggestions={word: self.vocabulary.nearest(word) for word in expression.unknown},
            threshold=self.threshold,
            presence=None if output.presence is None else float(output.presence[row].sigmoid()),
            logits=output.logits[row].numpy(),
            strongest=strongest.clone().numpy(),
            word_attention=output.word_attention[row, :, :words].numpy(),
            word_maps=output.word_maps[row, :, :words].numpy(),
            memory_gates=output.memory_gates[row].numpy(),
            reset_gates=output.reset_gates[row].numpy(),
        )

    def _autocast(self) -> AbstractContextManager[object]:
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)
