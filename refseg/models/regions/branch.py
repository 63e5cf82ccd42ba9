"""The region branch: whole objects to choose among, beside the dense answer of any system.

A dense system answers position by position and has no notion of *one* object, which "the second from the left" asks
for. The branch proposes regions with the backbone's detector (`proposals.py`), describes them once per image, lets the
expression choose among them (`selection.py`, `voting.py`), predicts a mask in each box (`instance_masks.py`) and mixes
the chosen masks with the dense answer (`gate.py`). It also predicts how many objects are meant (`number.py`) and
whether the image holds them at all (`presence.py`). None of this is in the paper.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from refseg.models.backbones import Backbone, BackboneFeatures
from refseg.models.layers.precision import at_least_float32
from refseg.models.regions.config import RegionConfig
from refseg.models.regions.gate import build_gate, gate_cues, mix_logits
from refseg.models.regions.instance_masks import InstanceMasks
from refseg.models.regions.number import NumberReader
from refseg.models.regions.presence import PresenceHead
from refseg.models.regions.proposals import Regions, propose_regions
from refseg.models.regions.selection import EVIDENCE, DescribedRegions, RegionSelection, Selected, region_evidence
from refseg.models.regions.voting import VotedSelection
from refseg.models.system import Answer, Encoded

__all__ = ["EVIDENCE", "CarriesRegions", "EncodedRegions", "RegionBranch"]

EVIDENCE_STRIDE = 4  # pixels of the image to a cell of the evidence


class EncodedRegions(NamedTuple):
    """The regions of B images: measured, described for the selection, and their mask logits (B, N, 28, 28); cells: a
    side of the evidence.
    """

    regions: Regions
    described: DescribedRegions
    masks: Tensor
    cells: int


class CarriesRegions(Protocol):
    """What a dense system must offer to carry the branch, besides being a `System`."""

    backbone: Backbone

    def encode_features(self, features: BackboneFeatures) -> Encoded:
        """`System.encode` from the backbone's features on."""
        ...

    def answer(
        self,
        encoded: Encoded,
        tokens: Tensor,
        valid: Tensor,
        image_index: Tensor | None = None,
        evidence: Tensor | None = None,
    ) -> Answer:
        """`System.answer`. evidence (K, 3, S/4, S/4): see `region_evidence`; a system that cannot use it ignores it.
        maps["response"] is required.
        """
        ...

    def embed_words(self, tokens: Tensor) -> Tensor:
        """Word vectors (K, T, E)."""
        ...


class RegionBranch(nn.Module):
    """Proposals, selection, instance masks, gate, number and presence.

    embedding: E, channels of the carrier's word vectors.  features: channels of its response, which presence reads.
    """

    def __init__(self, config: RegionConfig, backbone: Backbone, embedding: int, features: int) -> None:
        super().__init__()
        self.config = config
        self.instances = InstanceMasks(backbone.level_channels[0], *backbone.detail_channels)
        known = embedding, backbone.classes, sum(backbone.appearance_channels)
        self.selection = RegionSelection(*known) if config.voters == 1 else VotedSelection(*known, config.voters)
        self.gate, self.certainty = build_gate(), nn.Parameter(torch.tensor(3.0))  # see `mix_logits`
        self.number = NumberReader(embedding) if config.number else None
        self.presence = PresenceHead(features) if config.presence else None

    def propose(self, features: BackboneFeatures, images: Tensor, windows: Tensor | None) -> Regions:
        """The region proposals of the images (B, 3, S, S). Raises ValueError for a backbone without a detector."""
        if features.detections is None:
            raise ValueError("the backbone has no detector, expected one: a region branch chooses among its boxes")
        if windows is None:
            windows = images.new_tensor([0, 0, images.shape[-1], images.shape[-2]]).expand(len(images), -1)
        return propose_regions(
            features.detections, images, features.appearance, windows.to(images), self.config.regions
        )

    def predict_masks(self, features: BackboneFeatures, boxes: Tensor, image_size: int) -> Tensor:
        """Mask logits (B, N, 28, 28) in boxes (B, N, 4)."""
        logits: Tensor = self.instances((features.levels[0], *features.details), boxes, image_size)
        return logits

    def describe(self, regions: Regions) -> DescribedRegions:
        """The images' share of the choice among their regions."""
        with self._exact(regions.boxes.device):
            described: DescribedRegions = self.selection.describe(regions)
            return described

    def encode(self, features: BackboneFeatures, images: Tensor, windows: Tensor | None) -> EncodedRegions:
        """Everything about the regions that depends on the images alone."""
        regions = self.propose(features, images, windows)
        size = images.shape[-1]
        return EncodedRegions(
            regions, self.describe(regions), self.predict_masks(features, regions.boxes, size), size // EVIDENCE_STRIDE
        )

    def select(self, described: DescribedRegions, embedded: Tensor, valid: Tensor, image_index: Tensor) -> Selected:
        """Choose among the regions of B images for K expressions, given as word vectors (K, T, E)."""
        with self._exact(embedded.device):
            embedded = at_least_float32(embedded)
            selected: Selected = self.selection(embedded, valid, described.select(image_index))
            return selected if self.number is None else selected._replace(several=self.number(embedded, valid))

    def evidence(self, encoded: EncodedRegions, selected: Selected, image_index: Tensor) -> Tensor:
        """What the choice says about each position, (K, 3, S/4, S/4), see `region_evidence`."""
        boxes, masks = encoded.regions.boxes[image_index], at_least_float32(encoded.masks[image_index]).sigmoid()
        return region_evidence(selected, boxes, masks, EVIDENCE_STRIDE * encoded.cells, encoded.cells)

    def mix(self, dense: Tensor, selected: Selected, evidence: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (K, S/4, S/4), the dense ones mixed with the masks of the chosen regions, and the gate (K,)
        in 0..1.
        """
        region = evidence[:, 0]
        gate = self.gate(gate_cues(selected, dense, region)).sigmoid().squeeze(1)
        return mix_logits(dense, region, gate, self.certainty), gate

    def predict_presence(self, response: Tensor, selected: Selected) -> Tensor | None:
        """Logit (K,) that the image holds what is named; None for a branch that does not predict it."""
        return None if self.presence is None else self.presence.logit(response, selected)

    def voters(self) -> Sequence[RegionSelection]:
        """The single selections."""
        return list(self.selection)

    def _exact(self, device: torch.device) -> AbstractContextManager[object]:
        """float32 for the choice among regions, whatever the autocast. Training is noisy anyhow and may be as fast as
        the rest.
        """
        return nullcontext() if self.training else torch.autocast(device.type, enabled=False)
