"""The compact system: CMSA at 512 pixels with two small backbones, refined to stride 4, and the region branch. It is
the embedded model's.
"""

from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

from refseg.models.cmsa.config import CmsaConfig
from refseg.models.cmsa.network import CmsaNetwork
from refseg.models.config import override
from refseg.models.regions.branch import EVIDENCE, RegionBranch
from refseg.models.regions.carrier import EncodedWithRegions, SystemWithRegions
from refseg.models.regions.config import RegionConfig
from refseg.models.system import AttendedFrom


@dataclass(frozen=True)
class CompactConfig(CmsaConfig, RegionConfig):
    """Settings of CMSA and of the region branch; the defaults are the embedded model's. docs/deviations.md compares
    them with the paper's.

    Raises ValueError for more regions than the backbone's detector predicts, and for regions without a refinement that
    their masks could join.
    """

    backbone: Literal["resnet101", "pair", "plain"] = override(CmsaConfig, "backbone", "pair")
    image_size: int = override(CmsaConfig, "image_size", 512)
    padding: int = override(CmsaConfig, "padding", 114)
    visual: int = override(CmsaConfig, "visual", 192)
    embedding: int = override(CmsaConfig, "embedding", 50)
    context: int = override(CmsaConfig, "context", 128)
    width: int = override(CmsaConfig, "width", 128)
    channels: int = override(CmsaConfig, "channels", 96)
    modulated: bool = override(CmsaConfig, "modulated", True)
    refinement: tuple[int, ...] = override(CmsaConfig, "refinement", (48, 32))
    gains: bool = override(CmsaConfig, "gains", True)
    logit_scale: bool = override(CmsaConfig, "logit_scale", True)
    mean_received: bool = override(CmsaConfig, "mean_received", True)
    biases: bool = override(CmsaConfig, "biases", True)
    loss_pixels: Literal["square", "image"] = override(CmsaConfig, "loss_pixels", "image")
    cross_frame: int = override(CmsaConfig, "cross_frame", 64)
    cross_frame_on: Literal["backbone", "normalized"] = override(CmsaConfig, "cross_frame_on", "normalized")
    cross_frame_renormalized: bool = override(CmsaConfig, "cross_frame_renormalized", True)
    cross_frame_zero_start: bool = override(CmsaConfig, "cross_frame_zero_start", True)
    cross_frame_stride: int = override(CmsaConfig, "cross_frame_stride", 2)
    voters: int = override(RegionConfig, "voters", 3)
    number: bool = override(RegionConfig, "number", True)
    presence: bool = override(RegionConfig, "presence", True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.refinement:
            raise ValueError(
                f"regions need a refinement to join, got regions {self.regions} and no refinement: give its widths at"
                " strides 8 and 4"
            )
        if self.regions > self.detections:
            raise ValueError(
                f"regions must be at most the {self.detections} detections of {self.backbone} at image_size"
                f" {self.image_size}, got {self.regions}: choose fewer regions or a larger image_size"
            )

    @property
    def clip_tau(self) -> int:
        """Choices are linked over the window, with attention across frames or without it."""
        return self.tau

    @classmethod
    def tiny(cls) -> "CompactConfig":
        """For tests: everything the embedded model has except attention across frames, in miniature, with a plain
        backbone.
        """
        return replace(
            CompactConfig(),
            backbone="plain",
            image_size=64,
            visual=16,
            embedding=8,
            context=8,
            width=16,
            channels=16,
            refinement=(16, 8),
            regions=6,
            voters=1,
            cross_frame=0,
            cross_frame_stride=1,
        )


class CompactSystem(SystemWithRegions):
    """`CmsaNetwork` with the region branch, whose evidence joins the refinement."""

    config: CompactConfig
    dense: CmsaNetwork
    map_descriptions = CmsaNetwork.map_descriptions

    def __init__(self, config: CompactConfig, vocabulary_size: int) -> None:
        super().__init__()
        self.config, self.vocabulary_size = config, vocabulary_size
        self.dense = CmsaNetwork(config, vocabulary_size, evidence=EVIDENCE)
        self.branch = RegionBranch(config, self.dense.backbone, config.embedding, config.channels)

    @property
    def clip_tau(self) -> int:
        return self.config.clip_tau

    # ability: `AttendsFromPlace`

    def attention_grid(self, encoded: EncodedWithRegions) -> tuple[int, int]:
        """(h, w) of the positions of CMSA."""
        return self.dense.attention_grid(encoded.dense)

    def attention_from(
        self,
        encoded: EncodedWithRegions,
        tokens: Tensor,
        valid: Tensor,
        position: int,
        image_index: Tensor | None = None,
    ) -> AttendedFrom:
        """What a position of CMSA attends to."""
        return self.dense.attention_from(encoded.dense, tokens, valid, position, image_index)
