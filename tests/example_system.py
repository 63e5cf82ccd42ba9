"""An example of a system: a small dense network that tells by one convolution how well each position fits the words.

docs/extend.md walks through it. tests/test_example_system.py trains it, saves it, loads it, serves it and explains it.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from refseg.models.config import SystemConfig, Whole, setting
from refseg.models.layers.losses import mask_losses
from refseg.models.system import RESPONSE, Answer, MapDescription, System, Targets, in_order


@dataclass(frozen=True)
class ExampleConfig(SystemConfig):
    """channels: of the features and of the word vectors."""

    channels: int = setting(16, Whole(1, 256))


class ExampleEncoded(NamedTuple):
    """features (B, C, S/8, S/8)."""

    features: Tensor


class ExampleSystem(System):
    """Features of a strided convolution times the mean word vector."""

    map_descriptions = {"fit": MapDescription("Fit", "How well a position fits the words.")}  # noqa: RUF012
    config: ExampleConfig

    def __init__(self, config: ExampleConfig, vocabulary_size: int) -> None:
        super().__init__()
        self.config, self.vocabulary_size = config, vocabulary_size
        self.backbone = nn.Conv2d(3, config.channels, 8, stride=8)
        self.words = nn.Embedding(vocabulary_size, config.channels, padding_idx=0)

    def encode(self, images: Tensor, windows: Tensor | None = None) -> ExampleEncoded:
        return ExampleEncoded(torch.tanh(self.backbone(images * 2 - 1)))

    def answer(
        self, encoded: ExampleEncoded, tokens: Tensor, valid: Tensor, image_index: Tensor | None = None
    ) -> Answer:
        index = in_order(len(encoded.features), tokens) if image_index is None else image_index
        expression = (self.words(tokens) * valid.unsqueeze(-1)).sum(1) / valid.sum(1, keepdim=True).clamp_min(
            1
        )  # (K, C)
        response = encoded.features[index] * expression[:, :, None, None]  # (K, C, h, w)
        logits = response.sum(1)
        return Answer(logits, None, {RESPONSE: response, "fit": logits.sigmoid().unsqueeze(1)})

    def losses(self, answer: Answer, batch: Targets) -> dict[str, Tensor]:
        return mask_losses(answer.logits, batch)

    def word_tables(self) -> tuple[nn.Embedding, ...]:
        return (self.words,)
