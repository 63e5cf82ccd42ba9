"""Sizes and parts of a network, as plain values: what a checkpoint's config.json says of it."""

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from refseg.models.cmsa.attention import Pooling

LEVELS = 3
STRIDES = {"resnet101": 8, "pair": 16, "plain": 16}  # of each backbone's levels: pixels of the picture to a position
DETECTED = {"resnet101": (), "pair": (8, 16, 32), "plain": (16,)}  # strides of its detector's maps, one detection a cell


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the network; the defaults are the paper's (Sec. 4.1).

    image_size: side S of the letterboxed picture.  max_words: T.  visual: C_v.  embedding, context: C_l = embedding + context (see `WordFeatures`).
    width: d of CMSA.  channels: of X^i in Eq. 6.  modulated: see `GatedFusion`.  refinement: widths at strides 8 and 4, empty for none.
    regions: how many of the detector's boxes the expression may choose among, see `regions.py`; 0 for none.  voters: how many selections choose together.
    number: read whether an expression means one thing or several, which then decides how many regions show.
    presence: predict whether the thing named is in the picture at all.
    cross_frame: d of CFSA, 0 for a network of still pictures only.  cross_frame_stride: see `CrossFrameSelfAttention`.  tau: frames on either side.
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
    regions: int = 0
    voters: int = 1
    number: bool = False
    presence: bool = False
    cross_frame: int = 0
    cross_frame_stride: int = 1
    tau: int = 5

    def __post_init__(self) -> None:
        for name in ("image_size", "max_words", "visual", "embedding", "width", "channels", "voters"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if self.cross_frame < 0 or self.cross_frame_stride < 1 or self.tau < 0:
            raise ValueError(
                f"cross_frame and tau must be at least 0 and cross_frame_stride at least 1, got {self.cross_frame}, {self.tau} and {self.cross_frame_stride}"
            )
        if self.backbone not in STRIDES:
            raise ValueError(f"backbone must be one of {', '.join(STRIDES)}, got {self.backbone!r}")
        if self.image_size % 32:
            raise ValueError(f"image_size must be divisible by 32, got {self.image_size}")
        if self.cross_frame and self.grid % self.cross_frame_stride:
            raise ValueError(
                f"cross_frame_stride must divide the {self.grid} x {self.grid} positions of image_size {self.image_size}, got "
                f"{self.cross_frame_stride}: choose another of the two"
            )
        if self.regions and not self.refinement:
            raise ValueError(
                f"regions need a refinement to join, got regions {self.regions} and no refinement: give its widths at strides 8 and 4"
            )
        if self.number and not self.regions:
            raise ValueError("number decides how many regions show, got number and no regions: give how many regions there are")
        if self.regions > self.detections:
            raise ValueError(
                f"regions must be at most the {self.detections} detections of {self.backbone} at image_size {self.image_size}, got {self.regions}: "
                f"choose fewer regions or a larger image_size"
            )

    @property
    def grid(self) -> int:
        """Positions to a side of the levels, h = w."""
        return self.image_size // STRIDES[self.backbone]

    @property
    def detections(self) -> int:
        """How many boxes the backbone's detector predicts, 0 without one."""
        return sum((self.image_size // stride) ** 2 for stride in DETECTED[self.backbone])

    @classmethod
    def paper(cls) -> "NetworkConfig":
        """The published configuration: dilated ResNet-101, 40 x 40 positions, C_l = 1000, d = 512, 500 channels, 20 words."""
        return cls()

    @classmethod
    def compact(cls) -> "NetworkConfig":
        """The embedded default: two small backbones at 512 pixels, 32 x 32 positions, refined to stride 4."""
        return cls(
            backbone="pair",
            image_size=512,
            visual=192,
            embedding=50,
            context=128,
            width=128,
            channels=96,
            modulated=True,
            refinement=(48, 32),
            regions=40,
            voters=3,
            number=True,
            presence=True,
            cross_frame=64,
            cross_frame_stride=2,
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
            regions=6,
            number=True,
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
