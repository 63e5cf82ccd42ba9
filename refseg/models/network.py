"""The whole network, Eq. 1-7: a backbone, CMSA on three levels, gated fusion, prediction. Reads top to bottom in the paper's order."""

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refseg.models.backbones import Backbone, DetectorSegmenterPair, DilatedResNet101, PlainBackbone
from refseg.models.cmsa import CrossModalSelfAttention, ImageParts, Pooling
from refseg.models.features import COORDINATES, VisualFeatures, WordFeatures, coordinate_features
from refseg.models.fusion import GatedFusion
from refseg.models.refinement import Refinement

LEVELS = 3


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the network; the defaults are the paper's (Sec. 4.1).

    image_size: side S of the letterboxed picture.  max_words: T.  visual: C_v.  embedding, context: C_l = embedding + context (see `WordFeatures`).
    width: d of CMSA.  channels: of X^i in Eq. 6.  modulated: see `GatedFusion`.  refinement: widths at strides 8 and 4, empty for none.
    presence: predict whether the thing named is in the picture at all.
    """

    backbone: Literal["resnet101", "pair", "plain"] = "resnet101"
    image_size: int = 320
    max_words: int = 20
    visual: int = 1000
    embedding: int = 1000
    context: int = 0
    width: int = 512
    channels: int = 500
    pooling: Pooling = "attention"
    modulated: bool = False
    refinement: tuple[int, ...] = ()
    presence: bool = False

    def __post_init__(self) -> None:
        for name in ("image_size", "max_words", "visual", "embedding", "width", "channels"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if self.image_size % 32:
            raise ValueError(f"image_size must be divisible by 32, got {self.image_size}")

    @classmethod
    def paper(cls) -> "NetworkConfig":
        """The published configuration: dilated ResNet-101, 40 x 40 positions, C_l = 1000, d = 512, 500 channels, 20 words."""
        return cls()

    @classmethod
    def compact(cls) -> "NetworkConfig":
        """The embedded default: two small backbones at 416 pixels, 26 x 26 positions, refined to stride 4."""
        return cls(
            backbone="pair",
            image_size=416,
            visual=192,
            embedding=50,
            context=128,
            width=128,
            channels=96,
            modulated=True,
            refinement=(48, 32),
            presence=True,
        )

    @classmethod
    def tiny(cls) -> "NetworkConfig":
        """For tests: everything the compact one has, in miniature, with a plain backbone."""
        return cls(
            backbone="plain",
            image_size=64,
            visual=16,
            embedding=8,
            context=8,
            width=16,
            channels=16,
            modulated=True,
            refinement=(16, 8),
            presence=True,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; the inverse of `from_dict`."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "NetworkConfig":
        """Raises ValueError when a name is unknown or a value impossible."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ValueError(f"unknown network setting {unknown[0]!r}; known ones are {', '.join(sorted(known))}")
        settings: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
        return cls(**settings)


class EncodedImages(NamedTuple):
    """What B pictures contribute, ready for any number of expressions: `parts` per level, `details` for the refinement, the grid's (h, w)."""

    parts: tuple[ImageParts, ...]
    details: tuple[Tensor, ...]
    grid: tuple[int, int]


class NetworkOutput(NamedTuple):
    """Answers to K expressions.

    logits (K, h', w'): over the whole letterboxed square.  word_attention (K, L, T): a of Eq. 4 per level, rows sum to 1, padded words 0.
    word_maps (K, L, T, h, w): share of its attention that a position pays to a word, sums to 1 over the words.
    features (K, C, h, w): the fused map of Eq. 6.  memory_gates, reset_gates (K, L, h, w): 0..1.
    presence (K,): logit that the thing named is in the picture; None when the configuration has no such head.
    """

    logits: Tensor
    word_attention: Tensor
    word_maps: Tensor
    features: Tensor
    memory_gates: Tensor
    reset_gates: Tensor
    presence: Tensor | None


class ReferringNetwork(nn.Module):
    """CMSA + gated fusion: images (B, 3, S, S), RGB in 0..1, letterboxed, and tokens (K, T) -> `NetworkOutput`."""

    def __init__(self, config: NetworkConfig, vocabulary_size: int) -> None:
        super().__init__()
        self.config, self.vocabulary_size = config, vocabulary_size
        self.backbone = _build_backbone(config)
        self.words = WordFeatures(vocabulary_size, config.embedding, config.context)
        self.visual = nn.ModuleList(VisualFeatures(inputs, config.visual) for inputs in self.backbone.level_channels)
        self.attention = nn.ModuleList(
            CrossModalSelfAttention(config.visual, self.words.channels, COORDINATES, config.width, config.pooling) for _ in range(LEVELS)
        )
        multimodal = config.visual + self.words.channels + COORDINATES
        self.fusion = GatedFusion(multimodal, self.words.channels, config.channels, LEVELS, config.modulated)
        self.refinement = Refinement(config.channels, self.backbone.detail_channels, config.refinement) if config.refinement else None
        self.prediction = nn.Conv2d(config.channels if self.refinement is None else self.refinement.channels, 1, 3, padding=1)  # Eq. 7
        self.presence = nn.Linear(2 * config.channels, 1) if config.presence else None

    def encode(self, images: Tensor) -> EncodedImages:
        """One backbone pass and the picture's share of Eq. 1-3."""
        levels, details = self.backbone(images)
        h, w = levels[0].shape[-2:]
        coordinates = coordinate_features(h, w, images.device)
        parts = tuple(
            cast(CrossModalSelfAttention, attention).encode(visual(level), coordinates)
            for level, visual, attention in zip(levels, self.visual, self.attention, strict=True)
        )
        return EncodedImages(parts, () if self.refinement is None else self.refinement.project(details), (h, w))

    def attend(self, encoded: EncodedImages, tokens: Tensor, valid: Tensor, image_index: Tensor | None = None) -> NetworkOutput:
        """Answer K expressions, tokens and valid (K, T); image_index (K,) says which encoded picture each is about (default: one picture, or k-th)."""
        h, w = encoded.grid
        if image_index is None:
            image_index = torch.arange(len(tokens), device=tokens.device) % len(encoded.parts[0].features)
        words = self.words(tokens, valid)  # (K, T, C_l)
        attended = [
            attention(parts.select(image_index), words, valid) for attention, parts in zip(self.attention, encoded.parts, strict=True)
        ]
        maps = [level.features.transpose(1, 2).unflatten(-1, (h, w)) for level in attended]  # (K, C, h, w) per level
        sentences = [torch.einsum("kt,ktc->kc", level.word_attention, words) for level in attended]
        fused = self.fusion(maps, sentences)
        x = fused.features
        if self.refinement is not None:
            x = self.refinement(x, [detail.index_select(0, image_index) for detail in encoded.details])
        return NetworkOutput(
            logits=self.prediction(x).squeeze(1),
            word_attention=torch.stack([level.word_attention for level in attended], dim=1),
            word_maps=torch.stack([level.word_maps for level in attended], dim=1).unflatten(-1, (h, w)),
            features=fused.features,
            memory_gates=fused.memory_gates,
            reset_gates=fused.reset_gates,
            presence=self._presence(fused.features),
        )

    def forward(self, images: Tensor, tokens: Tensor, valid: Tensor, image_index: Tensor | None = None) -> NetworkOutput:
        """`encode` and `attend` in one."""
        return self.attend(self.encode(images), tokens, valid, image_index)

    def _presence(self, features: Tensor) -> Tensor | None:
        """Strongest and mean response of each fused channel -> logit (K,)."""
        if self.presence is None:
            return None
        pooled = torch.cat([F.relu(features).amax((2, 3)), features.mean((2, 3))], dim=1)
        logit: Tensor = self.presence(pooled).squeeze(1)
        return logit


def _build_backbone(config: NetworkConfig) -> Backbone:
    if config.backbone == "resnet101":
        return DilatedResNet101()
    if config.backbone == "pair":
        return DetectorSegmenterPair(name_channels=config.embedding)
    if config.backbone == "plain":
        return PlainBackbone(width=config.visual)
    raise ValueError(f"backbone must be 'resnet101', 'pair' or 'plain', got {config.backbone!r}")
