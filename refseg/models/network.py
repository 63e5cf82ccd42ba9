"""The whole network, Eq. 1-7 for a picture and Eq. 9-11 before them for a clip: a backbone, cross-frame self-attention, CMSA on three levels, gated
fusion, prediction. Reads top to bottom in the paper's order."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import cast

import torch
from torch import Tensor, nn

from refseg.models.backbones import Backbone, BackboneFeatures, DetectorSegmenterPair, DilatedResNet101, PlainBackbone
from refseg.models.cfsa import CrossFrameSelfAttention, Pooled, add_response
from refseg.models.cmsa import AttendedFrom, CrossModalSelfAttention
from refseg.models.config import LEVELS, NetworkConfig
from refseg.models.encoded import EncodedImages, NetworkOutput, SeenImages
from refseg.models.features import COORDINATES, VisualFeatures, WordFeatures, at_least_float32, coordinate_features
from refseg.models.fusion import GatedFusion
from refseg.models.instances import InstanceMasks
from refseg.models.mixture import gate_cues, mixed_logits, region_gate
from refseg.models.number import NumberReader
from refseg.models.presence import PresenceHead
from refseg.models.refinement import Refinement
from refseg.models.regions import Regions, propose_regions
from refseg.models.selection import EVIDENCE, DescribedRegions, RegionSelection, Selected, region_evidence
from refseg.models.voting import VotedSelection


class ReferringNetwork(nn.Module):
    """CMSA + gated fusion: images (B, 3, S, S), RGB in 0..1, letterboxed, and tokens (K, T) -> `NetworkOutput`."""

    def __init__(self, config: NetworkConfig, vocabulary_size: int) -> None:
        super().__init__()
        self.config, self.vocabulary_size = config, vocabulary_size
        self.backbone = _build_backbone(config)
        self.words = WordFeatures(vocabulary_size, config.embedding, config.context)
        self.visual = nn.ModuleList(VisualFeatures(inputs, config.visual) for inputs in self.backbone.level_channels)
        if config.cross_frame:
            self.cross_frame = nn.ModuleList(
                CrossFrameSelfAttention(config.visual, config.cross_frame, config.cross_frame_stride) for _ in range(LEVELS)
            )
        self.attention = nn.ModuleList(
            CrossModalSelfAttention(config.visual, self.words.channels, COORDINATES, config.width, config.pooling) for _ in range(LEVELS)
        )
        multimodal = config.visual + self.words.channels + COORDINATES
        self.fusion = GatedFusion(multimodal, self.words.channels, config.channels, LEVELS, config.modulated)
        evidence = EVIDENCE if config.regions else 0
        self.refinement = (
            Refinement(config.channels, self.backbone.detail_channels, config.refinement, evidence) if config.refinement else None
        )
        self.prediction = nn.Conv2d(config.channels if self.refinement is None else self.refinement.channels, 1, 3, padding=1)  # Eq. 7
        self.presence = PresenceHead(config.channels, bool(config.regions)) if config.presence else None
        if config.regions:
            self.instances = InstanceMasks(self.backbone.level_channels[0], *self.backbone.detail_channels)
            known = config.embedding, self.backbone.classes, sum(self.backbone.appearance_channels)
            self.selection = RegionSelection(*known) if config.voters == 1 else VotedSelection(*known, config.voters)
            self.gate, self.certainty = region_gate(), nn.Parameter(torch.tensor(3.0))  # see `mixed_logits`
        self.number = NumberReader(config.embedding) if config.number else None

    def see(self, images: Tensor, windows: Tensor | None = None) -> SeenImages:
        """One backbone pass; each picture by itself.

        windows (B, 4): x1 y1 x2 y2 of the picture proper in the letterboxed square, in pixels; the whole square where it is not given.
        """
        seen = self.backbone(images)
        levels, details = seen.levels, seen.details
        visual = tuple(project(level) for level, project in zip(levels, self.visual, strict=True))
        grid = (int(levels[0].shape[-2]), int(levels[0].shape[-1]))
        projected = () if self.refinement is None else self.refinement.project(details)
        regions = self.propose(images, seen, windows)
        if regions is None:
            return SeenImages(visual, projected, grid)
        instances = self.instances((levels[0], *details), regions.boxes, images.shape[-1])
        return SeenImages(visual, projected, grid, regions, self.describe(regions), instances)

    def across(self, clip: SeenImages) -> SeenImages:
        """Cross-frame self-attention, Eq. 9-11, over B frames that are one window; unchanged for a network of still pictures."""
        if not self.config.cross_frame:
            return clip
        return self.respond(clip, [attention(visual, clip.grid) for attention, visual in zip(self.cross_frame, clip.visual, strict=True)])

    @staticmethod
    def respond(seen: SeenImages, window: Sequence[Pooled]) -> SeenImages:
        """V_t := V_t + V^ (Eq. 11) for the pictures `seen`, with a window's contribution at each level."""
        added = (add_response(visual, pooled.response) for visual, pooled in zip(seen.visual, window, strict=True))
        return seen._replace(visual=tuple(added))

    def relate(self, seen: SeenImages) -> EncodedImages:
        """The pictures' share of Eq. 1-3."""
        coordinates = coordinate_features(*seen.grid, seen.visual[0].device)
        parts = tuple(
            cast(CrossModalSelfAttention, attention).encode(visual, coordinates)
            for attention, visual in zip(self.attention, seen.visual, strict=True)
        )
        return EncodedImages(parts, *seen[1:])

    def encode(self, images: Tensor, windows: Tensor | None = None) -> EncodedImages:
        """`see` and `relate` in one, for pictures that have nothing to do with each other."""
        return self.relate(self.see(images, windows))

    def propose(self, images: Tensor, seen: BackboneFeatures, windows: Tensor | None) -> Regions | None:
        """The candidate regions of the pictures; None when the configuration has none."""
        if not self.config.regions or seen.detections is None:
            return None
        if windows is None:
            windows = images.new_tensor([0, 0, images.shape[-1], images.shape[-2]]).expand(len(images), -1)
        return propose_regions(seen.detections, images, seen.appearance, windows.to(images), self.config.regions)

    def attend(
        self,
        encoded: EncodedImages,
        tokens: Tensor,
        valid: Tensor,
        image_index: Tensor | None = None,
        selected: Selected | None = None,
    ) -> NetworkOutput:
        """Answer K expressions, tokens and valid (K, T); image_index (K,) says which encoded picture each is about (default: one picture, or k-th).
        selected: a choice among the regions to be taken instead of the network's own."""
        h, w = encoded.grid
        if image_index is None:
            image_index = _in_order(encoded, tokens)
        words = self.words(tokens, valid)  # (K, T, C_l)
        attended = [
            attention(parts.select(image_index), words, valid, projection)
            for attention, parts, projection in zip(self.attention, encoded.parts, self.fusion.project, strict=True)
        ]
        maps = [level.features.transpose(1, 2).unflatten(-1, (h, w)) for level in attended]  # X^i (K, X, h, w) per level
        sentences = [torch.einsum("kt,ktc->kc", level.word_attention, words) for level in attended]
        fused = self.fusion.fuse(maps, sentences)
        x = fused.features
        if selected is None and encoded.described is not None:
            selected = self.select(encoded.described, tokens, valid, image_index)
        evidence = None if selected is None else self.evidence(encoded, selected, image_index)
        if self.refinement is not None:
            details = (
                encoded.details if len(encoded.details[0]) == 1 else [detail.index_select(0, image_index) for detail in encoded.details]
            )
            x = self.refinement(x, details, evidence)
        dense = logits = self.prediction(x).squeeze(1)
        gate = None
        if selected is not None and evidence is not None:
            region = evidence[:, 0]
            gate = self.gate(gate_cues(selected, dense, region)).sigmoid().squeeze(1)
            logits = mixed_logits(dense, region, gate, self.certainty)
        return NetworkOutput(
            logits=logits,
            word_attention=torch.stack([level.word_attention for level in attended], dim=1),
            word_maps=torch.stack([level.word_maps for level in attended], dim=1).unflatten(-1, (h, w)),
            features=fused.features,
            memory_gates=fused.memory_gates,
            reset_gates=fused.reset_gates,
            presence=None if self.presence is None else self.presence.logit(fused.features, selected),
            dense=dense,
            gate=gate,
            selected=selected,
        )

    def attention_from(
        self, encoded: EncodedImages, tokens: Tensor, valid: Tensor, position: int, image_index: Tensor | None = None
    ) -> AttendedFrom:
        """What one position of the grid, row * w + column, attends to on every level, exactly as `attend` has it: words (K, L, T), places
        (K, L, h, w), each level sums to 1. Arguments as of `attend`."""
        if image_index is None:
            image_index = _in_order(encoded, tokens)
        words = self.words(tokens, valid)
        levels = [
            cast(CrossModalSelfAttention, attention).attention_from(parts.select(image_index), words, valid, position)
            for attention, parts in zip(self.attention, encoded.parts, strict=True)
        ]
        places = torch.stack([level.places for level in levels], dim=1).unflatten(-1, encoded.grid)
        return AttendedFrom(torch.stack([level.words for level in levels], dim=1), places)

    def forward(
        self, images: Tensor, tokens: Tensor, valid: Tensor, image_index: Tensor | None = None, windows: Tensor | None = None
    ) -> NetworkOutput:
        """`encode` and `attend` in one."""
        return self.attend(self.encode(images, windows), tokens, valid, image_index)

    def describe(self, regions: Regions) -> DescribedRegions:
        """The pictures' share of the choice among their regions."""
        with self._exact(regions.boxes.device):
            described: DescribedRegions = self.selection.describe(regions)
            return described

    def select(self, described: DescribedRegions, tokens: Tensor, valid: Tensor, image_index: Tensor) -> Selected:
        """Choose among the regions of B pictures for K expressions; needs nothing else of the pictures."""
        with self._exact(tokens.device):
            embedded = at_least_float32(self.words.table(tokens))
            selected: Selected = self.selection(embedded, valid, described.select(image_index))
            return selected if self.number is None else selected._replace(several=self.number(embedded, valid))

    def _exact(self, device: torch.device) -> AbstractContextManager[object]:
        """float32 for the choice among regions, whatever the autocast; in training it is noisy anyhow, and may be as fast as the rest."""
        return nullcontext() if self.training else torch.autocast(device.type, enabled=False)

    def evidence(self, encoded: EncodedImages, selected: Selected, image_index: Tensor) -> Tensor | None:
        """What a choice says about each position (K, 3, 4h, 4w), see `region_evidence`; None for pictures encoded without regions."""
        if encoded.regions is None or encoded.instances is None:
            return None
        cells = encoded.details[-1].shape[-1]  # at stride 4
        boxes, masks = encoded.regions.boxes[image_index], at_least_float32(encoded.instances[image_index]).sigmoid()
        return region_evidence(selected, boxes, masks, 4 * cells, cells)


def _in_order(encoded: EncodedImages, tokens: Tensor) -> Tensor:
    """The k-th picture for the k-th expression; one picture for all of them."""
    return torch.arange(len(tokens), device=tokens.device) % len(encoded.parts[0].features)


def _build_backbone(config: NetworkConfig) -> Backbone:
    if config.backbone == "resnet101":
        return DilatedResNet101()
    if config.backbone == "pair":
        return DetectorSegmenterPair(name_channels=config.embedding)
    return PlainBackbone(width=config.visual)  # "plain": the configuration lets no other through
