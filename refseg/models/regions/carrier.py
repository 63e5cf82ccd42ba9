"""A dense system with the region branch."""

from collections import deque
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from refseg.models.backbones import BackboneFeatures
from refseg.models.clips import StillReader
from refseg.models.layers.losses import mask_losses
from refseg.models.regions.branch import CarriesRegions, EncodedRegions, RegionBranch
from refseg.models.regions.linking import link_choices
from refseg.models.regions.losses import (
    FOUND,
    boxes_of_masks,
    instance_loss,
    matched_regions,
    number_loss,
    overlap_with,
    presence_loss,
    selection_loss,
)
from refseg.models.regions.proposals import Regions
from refseg.models.regions.selection import DescribedRegions, Selected
from refseg.models.system import (
    GATE,
    RESPONSE,
    Answer,
    ClipReader,
    Encoded,
    ReadsVideos,
    System,
    Targets,
    WindowEncoding,
    in_order,
)


class EncodedWithRegions(NamedTuple):
    """B images: the dense system's own encoding, and the regions.

    chosen: a choice to be used instead of the branch's own, for a single image.  evidence: whether masks of regions
    reach the answer.
    """

    dense: Encoded
    regions: EncodedRegions
    chosen: Selected | None = None
    evidence: bool = True


class Internals(NamedTuple):
    """What `losses` needs of an answer: the dense logits, the choice, the regions and which image each expression is
    about.
    """

    dense: Tensor
    selected: Selected
    encoded: EncodedWithRegions
    image_index: Tensor


class SystemWithRegions(System):
    """A dense system and the branch it carries; which dense system that is, a subclass decides in its constructor."""

    dense: Any  # a `System` that is `CarriesRegions`
    branch: RegionBranch

    @property
    def _carrier(self) -> CarriesRegions:
        return cast(CarriesRegions, self.dense)

    def encode(self, images: Tensor, windows: Tensor | None = None) -> EncodedWithRegions:
        """One pass of the backbone for both."""
        features = self._carrier.backbone(images)
        return EncodedWithRegions(
            self._carrier.encode_features(features), self.branch.encode(features, images, windows)
        )

    def answer(
        self, encoded: EncodedWithRegions, tokens: Tensor, valid: Tensor, image_index: Tensor | None = None
    ) -> Answer:
        """The choice among the regions, the dense answer with its evidence, and both mixed."""
        regions = encoded.regions
        index = in_order(len(regions.regions.boxes), tokens) if image_index is None else image_index
        selected = encoded.chosen or self.choose(regions.described, tokens, valid, index)
        evidence = self.branch.evidence(regions, selected, index) if encoded.evidence else None
        dense = self._carrier.answer(encoded.dense, tokens, valid, index, evidence)
        logits, numbers = dense.logits, dense.numbers
        if evidence is not None:
            logits, gate = self.branch.mix(dense.logits, selected, evidence)
            numbers = {**numbers, GATE: gate}
        presence = self.branch.predict_presence(dense.maps[RESPONSE], selected)
        return dense._replace(
            logits=logits,
            presence=presence,
            numbers=numbers,
            internals=Internals(dense.logits, selected, encoded, index),
        )

    def losses(self, answer: Answer, batch: Targets) -> dict[str, Tensor]:
        """Those of the mask and of presence; with evidence also those of the choice, the instance masks, the number of
        objects, and of the dense answer by itself ("dense_..."), before the masks of the regions are mixed in."""
        internals = cast(Internals, answer.internals)
        terms = mask_losses(answer.logits, batch)
        if answer.presence is not None:
            terms["presence"] = presence_loss(answer.presence, batch.masks)
        if not internals.encoded.evidence:
            return terms
        terms |= {f"dense_{name}": loss for name, loss in mask_losses(internals.dense, batch).items()}
        boxes = internals.encoded.regions.regions.boxes.detach()
        terms["selection"] = selection_loss(internals.selected, overlap_with(boxes[internals.image_index], batch.boxes))
        terms["instances"] = self._instance_loss(internals.encoded.regions, batch)
        if internals.selected.several is not None:
            count = (batch.boxes[..., 2] > batch.boxes[..., 0]).sum(1)
            terms["number"] = number_loss(internals.selected.several, count)
        return terms

    @staticmethod
    def _instance_loss(encoded: EncodedRegions, batch: Targets) -> Tensor:
        """Of the regions that are an object of the batch, each object once."""
        boxes, index = encoded.regions.boxes.detach(), batch.object_images
        which, iou = matched_regions(boxes, boxes_of_masks(batch.objects, batch.image_size), index)
        found = iou > FOUND
        logits = encoded.masks[index[found], which[found]]
        return instance_loss(logits, boxes[index[found], which[found]], batch.objects[found], batch.image_size)

    # ability: `ChoosesRegions`

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the detector's classes; empty if they have none."""
        return self._carrier.backbone.class_names

    def propose(self, images: Tensor, windows: Tensor | None = None) -> tuple[Regions, BackboneFeatures]:
        """The region proposals of B images, and the backbone's features."""
        features = self._carrier.backbone(images)
        return self.branch.propose(features, images, windows), features

    def choose(self, described: DescribedRegions, tokens: Tensor, valid: Tensor, image_index: Tensor) -> Selected:
        """Choose among described regions for K expressions; no image is needed."""
        return self.branch.select(described, self._carrier.embed_words(tokens), valid, image_index)

    def read_number(self, tokens: Tensor, valid: Tensor) -> Tensor:
        """Logit (K,) that several objects are meant. Raises ValueError for a branch that does not read it."""
        if self.branch.number is None:
            raise ValueError("the network does not read the number of objects, expected `number` in its configuration")
        logit: Tensor = self.branch.number(self._carrier.embed_words(tokens), valid)
        return logit

    def without_evidence(self, encoded: EncodedWithRegions) -> EncodedWithRegions:
        """The choice is made all the same, as presence reads it."""
        return encoded._replace(evidence=False)

    # ability: `ReadsVideos`

    def open_clip(self, tokens: Tensor, valid: Tensor) -> ClipReader:
        """A reader that links the choices of the frames of a window, whatever the dense system makes of the frames."""
        dense = self.dense
        tau = self.clip_tau
        reader = dense.open_clip(tokens, valid) if isinstance(dense, ReadsVideos) else StillReader(dense)
        return LinkedClipReader(self, reader, tau, tokens, valid)

    @property
    def clip_tau(self) -> int:
        """Frames on either side of a frame whose choices are linked with its own."""
        return 0

    def encode_window(self, images: Tensor, windows: Tensor | None = None) -> EncodedWithRegions:
        """B frames that are one window, for training."""
        with torch.no_grad():
            features = self._carrier.backbone(images)
            regions = self.branch.encode(features, images, windows)
        return EncodedWithRegions(self.dense.encode_window_features(features), regions)

    def clip_parameters(self) -> list[nn.Parameter]:
        """Those of the dense system. Raises ValueError where it has none."""
        if not isinstance(self.dense, ReadsVideos):
            raise ValueError("the dense system reads images only, expected one with attention across frames")
        return self.dense.clip_parameters()

    # training

    def part_of(self, parameter: str) -> str:
        """The selection and the instance masks learn at a rate of their own; the dense system says the rest."""
        place, _, rest = parameter.partition(".")
        if place == "dense":
            part: str = self.dense.part_of(rest)
            return part
        return "regions" if rest.partition(".")[0] in ("selection", "instances") else "rest"

    def word_tables(self) -> tuple[nn.Embedding, ...]:
        tables: tuple[nn.Embedding, ...] = self.dense.word_tables()
        return tables


class FrameWithRegions(NamedTuple):
    """One frame: what the dense system's reader returned, and the regions."""

    dense: Any
    regions: EncodedRegions


class LinkedClipReader:
    """See `ClipReader`. The choice in each frame is made along the chains of its regions through the window, see
    `linking.py`.
    """

    def __init__(self, system: SystemWithRegions, dense: ClipReader, tau: int, tokens: Tensor, valid: Tensor) -> None:
        self._system, self._dense, self._tokens, self._valid = system, dense, tokens, valid
        self.tau = tau
        self._choices: deque[tuple[Tensor, Selected]] = deque(
            maxlen=2 * tau + 1
        )  # boxes (N, 4) of a frame, and the choice among them
        self._pushed = 0

    def read(self, images: Tensor, windows: Tensor) -> FrameWithRegions:
        """Features and regions of one frame, by one pass of the backbone."""
        features = self._system.dense.backbone(images)
        return FrameWithRegions(
            self._dense.read_features(features), self._system.branch.encode(features, images, windows)
        )

    def read_features(self, features: BackboneFeatures) -> FrameWithRegions:
        """Not possible: the regions need the image as well. Raises NotImplementedError."""
        raise NotImplementedError

    def push(self, frame: FrameWithRegions) -> None:
        """Choose among the regions of this frame alone."""
        self._dense.push(frame.dense)
        index = torch.zeros(1, dtype=torch.int64, device=self._tokens.device)
        selected = self._system.choose(frame.regions.described, self._tokens, self._valid, index)
        self._choices.append((frame.regions.regions.boxes[0], selected))
        self._pushed += 1

    def encode(self, frame: FrameWithRegions, target: int, first: int, last: int) -> WindowEncoding:
        """The dense encoding, with the linked choice."""
        dense, weights = self._dense.encode(frame.dense, target, first, last)
        oldest = self._pushed - len(self._choices)
        window = [self._choices[number - oldest] for number in range(first, last + 1)]
        boxes, logits = [boxes for boxes, _ in window], [choice.logits for _, choice in window]
        linked = link_choices(boxes, logits, target - first, weights.mean(0))
        chosen = window[target - first][1]._replace(logits=linked)
        return WindowEncoding(EncodedWithRegions(dense, frame.regions, chosen), weights)
