"""The network of the paper: Eq. 1-8 for an image, with Eq. 9-11 before them for a clip. It reads from top to bottom in
the paper's order.
"""

from collections.abc import Sequence
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from refseg.models.backbones import BackboneFeatures, build_backbone
from refseg.models.cmsa.attention import CrossModalSelfAttention
from refseg.models.cmsa.clip import CmsaClipReader
from refseg.models.cmsa.config import PLAIN_WIDTH, CmsaConfig
from refseg.models.cmsa.cross_frame import CrossFrameSelfAttention, WindowResponse, add_response
from refseg.models.cmsa.fusion import GatedFusion
from refseg.models.cmsa.outputs import EncodedImages, VisualMaps
from refseg.models.layers.losses import mask_losses
from refseg.models.layers.multimodal import COORDINATES, VisualFeatures, WordFeatures, coordinate_features
from refseg.models.layers.refinement import Refinement
from refseg.models.system import (
    RESPONSE,
    WORD_ATTENTION,
    WORD_MAPS,
    Answer,
    AttendedFrom,
    MapDescription,
    System,
    Targets,
    in_order,
)

MEMORY_GATE, RESET_GATE = "memory_gate", "reset_gate"


class CmsaNetwork(System):
    """Cross-modal self-attention on three levels, and gated fusion.

    evidence: channels of a map (K, evidence, 4h, 4w) that `answer` can be given besides, for a branch that knows more
    about the image; 0 for none.
    """

    map_descriptions: ClassVar = {
        MEMORY_GATE: MapDescription(
            "Memory gate",
            "How much of this level's features goes to the other levels and is withheld from its own output.",
        ),
        RESET_GATE: MapDescription(
            "Reset gate",
            "How much of this level's output is the mixture with the other levels rather than its own features.",
        ),
    }
    config: CmsaConfig

    def __init__(self, config: CmsaConfig, vocabulary_size: int, evidence: int = 0) -> None:
        super().__init__()
        self.config, self.vocabulary_size = config, vocabulary_size
        self.backbone = build_backbone(config.backbone, names=config.embedding, width=config.visual or PLAIN_WIDTH)
        levels, words = config.level_channels, config.embedding + config.context
        options = {"biases": config.biases, "scaled": config.logit_scale, "mean_received": config.mean_received}
        # Eq. 1
        self.words = WordFeatures(vocabulary_size, config.embedding, config.context, config.gains)
        self.visual = nn.ModuleList(
            VisualFeatures(inputs, config.visual, config.gains) for inputs in self.backbone.level_channels
        )
        # Eq. 9-11
        if config.cross_frame:
            inputs = self.backbone.level_channels if config.cross_frame_on == "backbone" else levels
            self.cross_frame = nn.ModuleList(
                CrossFrameSelfAttention(
                    channels,
                    config.cross_frame,
                    config.cross_frame_stride,
                    zero_start=config.cross_frame_zero_start,
                    **options,
                )
                for channels in inputs
            )
        # Eq. 2-5
        self.attention = nn.ModuleList(
            CrossModalSelfAttention(channels, words, COORDINATES, config.width, config.pooling, **options)
            for channels in levels
        )
        # Eq. 6
        self.fusion = GatedFusion(
            [channels + words + COORDINATES for channels in levels], words, config.channels, config.modulated
        )
        # Eq. 7
        details = self.backbone.detail_channels
        self.refinement = (
            Refinement(config.channels, details, config.refinement, evidence) if config.refinement else None
        )
        self.prediction = nn.Conv2d(
            config.channels if self.refinement is None else self.refinement.channels, 1, 3, padding=1
        )

    def encode(self, images: Tensor, windows: Tensor | None = None) -> EncodedImages:
        """What depends on the images alone, for images that have nothing to do with each other; `windows` are not
        needed.
        """
        return self.encode_features(self.backbone(images))

    def encode_features(self, features: BackboneFeatures) -> EncodedImages:
        """The same from the backbone's features on."""
        return self.encode_positions(self.visual_maps(features))

    # Eq. 1: v_p/|v_p| of every position, and Eq. 9-11 where the image is a frame of a clip

    def visual_maps(self, features: BackboneFeatures) -> VisualMaps:
        """What CFSA works on, or CMSA where there are no frames around the image."""
        h, w = (int(side) for side in features.levels[0].shape[-2:])
        if self._changes_backbone_features:
            levels = tuple(level.flatten(2).transpose(1, 2) for level in features.levels)  # (B, P, C_i)
        else:
            levels = tuple(
                normalize(level) for level, normalize in zip(features.levels, self.visual, strict=True)
            )  # (B, P, C_v)
        details = () if self.refinement is None else self.refinement.project(features.details)
        return VisualMaps(levels, details, (h, w))

    @property
    def _changes_backbone_features(self) -> bool:
        return bool(self.config.cross_frame) and self.config.cross_frame_on == "backbone"

    def fuse_frames(self, clip: VisualMaps) -> VisualMaps:
        """Eq. 9-11 over B frames that are one window; unchanged for a network that reads images only."""
        if not self.config.cross_frame:
            return clip
        window = [attention(level, clip.grid) for attention, level in zip(self.cross_frame, clip.levels, strict=True)]
        return self.add_temporal(clip, window)

    def add_temporal(self, maps: VisualMaps, window: Sequence[WindowResponse]) -> VisualMaps:
        """Eq. 11, V_t := V_t + V^, with a window's response at each level."""
        added = (
            add_response(level, one.response, self.config.cross_frame_renormalized)
            for level, one in zip(maps.levels, window, strict=True)
        )
        return maps._replace(levels=tuple(added))

    def encode_positions(self, maps: VisualMaps) -> EncodedImages:
        """The positions' share of Eq. 1-3: [v_p/|v_p| ; s_p] and its queries, keys and values."""
        coordinates = coordinate_features(*maps.grid, maps.levels[0].device)
        levels = maps.levels
        if self._changes_backbone_features:
            squares = (level.transpose(1, 2).unflatten(-1, maps.grid) for level in levels)  # (B, C_i, h, w)
            levels = tuple(normalize(square) for square, normalize in zip(squares, self.visual, strict=True))
        parts = tuple(
            cast(CrossModalSelfAttention, attention).encode(level, coordinates)
            for attention, level in zip(self.attention, levels, strict=True)
        )
        return EncodedImages(parts, maps.details, maps.grid)

    def answer(
        self,
        encoded: EncodedImages,
        tokens: Tensor,
        valid: Tensor,
        image_index: Tensor | None = None,
        evidence: Tensor | None = None,
    ) -> Answer:
        """Eq. 1-7 for K expressions; see `System.answer`. evidence: see the class."""
        index = in_order(len(encoded.parts[0].features), tokens) if image_index is None else image_index
        h, w = encoded.grid
        # Eq. 1: e_n/|e_n| of every word
        words = self.words(tokens, valid)  # (K, T, C_l)
        # Eq. 2-5: f^_p of each level, and at once X^i = W_x^i f^_p of Eq. 6
        attended = [
            attention(parts.select(index), words, valid, projection)
            for attention, parts, projection in zip(self.attention, encoded.parts, self.fusion.project, strict=True)
        ]
        x = [level.features.transpose(1, 2).unflatten(-1, (h, w)) for level in attended]  # (K, X, h, w)
        # Eq. 6: gates, and the sum over the levels
        expressions = [torch.einsum("kt,ktc->kc", level.word_attention, words) for level in attended]
        fused = self.fusion.fuse(x, expressions)
        # Eq. 7: one logit a position, after the refinement if there is one
        features = fused.features
        if self.refinement is not None:
            details = encoded.details
            if len(details[0]) > 1:
                details = tuple(detail.index_select(0, index) for detail in details)
            features = self.refinement(features, details, evidence)
        return Answer(
            logits=self.prediction(features).squeeze(1),
            presence=None,
            maps={
                WORD_ATTENTION: torch.stack([level.word_attention for level in attended], dim=1),
                WORD_MAPS: torch.stack([level.word_maps for level in attended], dim=1).unflatten(-1, (h, w)),
                RESPONSE: fused.features,
                MEMORY_GATE: fused.memory_gates,
                RESET_GATE: fused.reset_gates,
            },
        )

    def losses(self, answer: Answer, batch: Targets) -> dict[str, Tensor]:
        """Eq. 8, the binary cross-entropy of every pixel, and the Dice loss, which the paper does not have
        (weight 0).
        """
        return mask_losses(answer.logits, batch, border=self.config.loss_pixels == "square")

    # abilities: `AttendsFromPlace`, `ReadsVideos`

    def attention_grid(self, encoded: EncodedImages) -> tuple[int, int]:
        """(h, w) of the positions."""
        return encoded.grid

    def attention_from(
        self, encoded: EncodedImages, tokens: Tensor, valid: Tensor, position: int, image_index: Tensor | None = None
    ) -> AttendedFrom:
        """The row of Eq. 3 that belongs to one position, exactly as `answer` has it."""
        index = in_order(len(encoded.parts[0].features), tokens) if image_index is None else image_index
        words = self.words(tokens, valid)
        levels = [
            cast(CrossModalSelfAttention, attention).attention_from(parts.select(index), words, valid, position)
            for attention, parts in zip(self.attention, encoded.parts, strict=True)
        ]
        places = torch.stack([level.places for level in levels], dim=1).unflatten(-1, encoded.grid)
        return AttendedFrom(torch.stack([level.words for level in levels], dim=1), places)

    def open_clip(self, tokens: Tensor, valid: Tensor) -> CmsaClipReader:
        """A reader that computes each pair of frames once; the expression does not matter before CMSA."""
        return CmsaClipReader(self, self.config.clip_tau)

    def encode_window(self, images: Tensor, windows: Tensor | None = None) -> EncodedImages:
        """B frames that are one window; no gradient reaches the backbone and the projections."""
        with torch.no_grad():
            features = self.backbone(images)
        return self.encode_window_features(features)

    def encode_window_features(self, features: BackboneFeatures) -> EncodedImages:
        """The same from the backbone's features on."""
        with torch.no_grad():
            maps = self.visual_maps(features)
        return self.encode_positions(self.fuse_frames(maps))

    def clip_parameters(self) -> list[nn.Parameter]:
        """Those of CFSA."""
        if not self.config.cross_frame:
            raise ValueError(
                "the network has no attention across frames, expected `cross_frame` above 0 in its configuration"
            )
        return list(self.cross_frame.parameters())

    # training

    def part_of(self, parameter: str) -> str:
        """The word table, whose rows are hardly ever visited, and the backbone have rates of their own."""
        return "table" if parameter == "words.table.weight" else super().part_of(parameter)

    def word_tables(self) -> tuple[nn.Embedding, ...]:
        return (self.words.table,)

    def embed_words(self, tokens: Tensor) -> Tensor:
        """Rows of the word table, (K, T) -> (K, T, E)."""
        embedded: Tensor = self.words.table(tokens)
        return embedded
