"""Configuration of CMSA: sizes, parts, and every deviation from the paper as a field."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

from refseg.models.cmsa.attention import Pooling
from refseg.models.cmsa.sliding import floats_held
from refseg.models.config import Flag, OneOf, SystemConfig, Whole, Widths, setting

BackboneName = Literal["resnet101", "pair", "plain"]
LEVELS = 3
STRIDES = {"resnet101": 8, "pair": 16, "plain": 16}  # of each backbone's levels: pixels of the image to a position
DETECTED = {
    "resnet101": (),
    "pair": (8, 16, 32),
    "plain": (16,),
}  # strides of its detector's maps, one detection a cell
PLAIN_WIDTH = 16  # of the plain backbone, where no projection gives one


@dataclass(frozen=True)
class CmsaConfig(SystemConfig):
    """Settings of CMSA; the defaults are the paper's (Sec. 4.1). docs/deviations.md compares each with the paper.

    Sizes of the paper. embedding: channels of the word table.  width: d of CMSA.  channels: of X^i in Eq. 6.
    cross_frame: d of CFSA, 0 for a network that reads images only.  tau: frames on either side of a frame.

    Parts that the paper does not have. visual: C_v that a 1x1 convolution projects each level to before Eq. 1, 0 for
    the level's own channels.  context: channels of a GRU over the words, 0 for none, see `WordFeatures`.
    modulated: see `GatedFusion`.  refinement: widths of a decoder at strides 8 and 4, empty for none.

    Changes of the formulas. gains: each part of Eq. 1 times a learnable factor.  logit_scale: attention logits times a
    learnable factor.  mean_received: Eq. 4 and 10 divided by P.  biases: of q, k, v and the output of CMSA and CFSA.
    loss_pixels: whether Eq. 8 counts the border around the image ("square") or not ("image").
    cross_frame_on: the features that CFSA changes, the backbone's or the normalized ones of Eq. 1.
    cross_frame_renormalized: V_t + V^ brought back to the length of V_t.  cross_frame_zero_start: W_o starts at zero.
    cross_frame_stride: see `CrossFrameSelfAttention`.
    """

    backbone: BackboneName = setting("resnet101", OneOf(tuple(STRIDES)))  # noqa: RUF009
    embedding: int = setting(1000, Whole(1, 4096))
    width: int = setting(512, Whole(1, 4096))
    channels: int = setting(500, Whole(1, 4096))
    pooling: Pooling = setting("attention", OneOf(get_args(Pooling)))  # noqa: RUF009
    cross_frame: int = setting(0, Whole(0, 1024))
    tau: int = setting(5, Whole(0, 16))
    visual: int = setting(0, Whole(0, 4096))
    context: int = setting(0, Whole(0, 4096, 2))
    modulated: bool = setting(False, Flag())
    refinement: tuple[int, ...] = setting((), Widths(2))
    gains: bool = setting(False, Flag())
    logit_scale: bool = setting(False, Flag())
    mean_received: bool = setting(False, Flag())
    biases: bool = setting(False, Flag())
    loss_pixels: Literal["square", "image"] = setting("square", OneOf(("square", "image")))
    cross_frame_on: Literal["backbone", "normalized"] = setting("backbone", OneOf(("backbone", "normalized")))
    cross_frame_renormalized: bool = setting(False, Flag())
    cross_frame_zero_start: bool = setting(False, Flag())
    cross_frame_stride: int = setting(1, Whole(1, 8))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cross_frame and self.grid % self.cross_frame_stride:
            raise ValueError(
                f"cross_frame_stride must divide the {self.grid} x {self.grid} positions of image_size"
                f" {self.image_size}, got {self.cross_frame_stride}: choose another of the two"
            )

    @property
    def grid(self) -> int:
        """Positions to a side of the levels, h = w."""
        return self.image_size // STRIDES[self.backbone]

    @property
    def detections(self) -> int:
        """How many boxes the backbone's detector predicts, 0 without one."""
        return sum((self.image_size // stride) ** 2 for stride in DETECTED[self.backbone])

    @property
    def level_channels(self) -> tuple[int, ...]:
        """C_v of the three levels in Eq. 1."""
        if self.visual:
            return (self.visual,) * LEVELS
        of_backbone = {
            "resnet101": (512, 1024, 2048),
            "pair": (256, 192, 256 + self.embedding + 6),
            "plain": (2 * PLAIN_WIDTH, 4 * PLAIN_WIDTH, 4 * PLAIN_WIDTH),
        }
        return of_backbone[self.backbone]

    @property
    def answer_bytes(self) -> int:
        """About three maps of every level's multimodal features, and its word attention, in float32."""
        words = self.embedding + self.context
        floats = sum(channels + words + self.channels for channels in self.level_channels) + self.max_words**2
        return 4 * 3 * self.grid**2 * floats

    @property
    def clip_tau(self) -> int:
        """Frames on either side of a frame that take part in its answer."""
        return self.tau if self.cross_frame else 0

    @property
    def clip_bytes(self) -> int:
        """The attention of a window, and the features of the frames that wait for its end, in float32."""
        positions = self.grid**2
        coarse = (self.grid // self.cross_frame_stride) ** 2
        attention = LEVELS * floats_held(positions, coarse, self.cross_frame, self.clip_tau) if self.cross_frame else 0
        details = sum(
            width * (self.image_size // stride) ** 2 for width, stride in zip(self.refinement, (8, 4), strict=False)
        )
        return 4 * (attention + (self.clip_tau + 1) * (sum(self.level_channels) * positions + details))

    @property
    def clip_settings(self) -> str:
        """The settings that `clip_bytes` depends on, for an error message."""
        return f"cross_frame {self.cross_frame}, tau {self.tau} and image_size {self.image_size}"

    @classmethod
    def paper(cls) -> "CmsaConfig":
        """The published network for images, to the letter: dilated ResNet-101, 40 x 40 positions, C_v = 512 / 1024 /
        2048, C_l = 1000, d = 512, 500 channels of X^i, 20 words."""
        return CmsaConfig()

    @classmethod
    def paper_video(cls) -> "CmsaConfig":
        """The published network for videos: `paper` with CFSA over windows of 11 frames. d = 512 is our reading, as the
        paper names no other width.
        """
        return replace(CmsaConfig.paper(), cross_frame=512)
