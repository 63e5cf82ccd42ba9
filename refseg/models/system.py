"""The interface that every system implements, and the optional abilities as small protocols.

A *system* answers expressions about images. It encodes each image once (`encode`) and answers any number of expressions
from that (`answer`). Predictors, training, evaluation, explanations and the page use this interface alone; none of them
names a system. What a system can do besides is an ability: a protocol below, which callers check with `isinstance`.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from refseg.models.config import SystemConfig

# Names of the maps that the library knows how to show. Any other map of an answer is (K, L, h, w), and
# `System.map_descriptions` says what it is.
WORD_ATTENTION = (  # (K, L, T): how much each word counts on each of L levels; rows sum to 1, padded words 0
    "word_attention"
)
WORD_MAPS = (  # (K, L, T, h, w): share of its attention that each position pays to each word; sums to 1 over the words
    "word_maps"
)
GATE = "gate"  # among the numbers, (K,): share 0..1 of a chosen region in the logits, the rest being the dense answer's
RESPONSE = "response"  # (K, C, h, w): features from which the mask is predicted; the strongest channel is shown

Encoded = Any  # a tuple of tensors (nested, perhaps), opaque to callers


class MapDescription(NamedTuple):
    """What a map shows, in words for the page. title: its name; about: one expression that says what a high value
    means.
    """

    title: str
    about: str


class Answer(NamedTuple):
    """Answers to K expressions.

    logits (K, h', w'): over the whole letterboxed square.  presence (K,): logit that the image holds what the
    expression names; None where the system does not predict it.  maps: by name, what else the system can show, see
    above.  numbers (K,): by name, figures of each answer. internals: what the system's own `losses` need; opaque to
    callers.
    """

    logits: Tensor
    presence: Tensor | None
    maps: dict[str, Tensor]
    internals: Any = None
    numbers: dict[str, Tensor] = {}  # noqa: RUF012 - never changed


class Targets(NamedTuple):
    """What the answers to K expressions about B images of side `image_size` should be.

    masks (K, H, W): share of each cell that the mask covers, 0..1; zero for an expression without target.  inside (K,
    H, W) bool: cells of the image itself, not of the border.  boxes (K, O, 4): x1 y1 x2 y2, in pixels, of the objects
    meant, zeros where there are fewer.  objects (M, H, W): masks of single objects, 0..1, and object_images (M,): the
    image of each.
    """

    masks: Tensor
    inside: Tensor
    boxes: Tensor
    objects: Tensor
    object_images: Tensor
    image_size: int


class LearningRates(NamedTuple):
    """Rates of one phase of training: of the backbone, of the word table, of a region branch and of everything else;
    decay: of weights, not of vectors and scalars."""

    rest: float
    backbone: float
    table: float
    regions: float
    decay: float = 0.0


class System(nn.Module):
    """Base of every system.

    A subclass has a constructor `(config, vocabulary_size)`, and overrides `encode`, `answer` and `losses`.
    map_descriptions: of those maps of its answers that are not among the known names.
    """

    map_descriptions: ClassVar[Mapping[str, MapDescription]] = {}
    config: SystemConfig
    vocabulary_size: int

    def encode(self, images: Tensor, windows: Tensor | None = None) -> Encoded:
        """Compute what depends on the images alone.

        images (B, 3, S, S): RGB in 0..1, letterboxed.  windows (B, 4): x1 y1 x2 y2, in pixels, of each image without
        its border; None: the whole square.
        """
        raise NotImplementedError

    def answer(self, encoded: Encoded, tokens: Tensor, valid: Tensor, image_index: Tensor | None = None) -> Answer:
        """Answer K expressions.

        tokens, valid (K, T): word indices, and which of them are words rather than padding.  image_index (K,): the
        encoded image that each expression is about; None: the k-th, or the only one.
        """
        raise NotImplementedError

    def losses(self, answer: Answer, batch: Targets) -> dict[str, Tensor]:
        """The terms of the loss by name, unweighted scalars. The names in `LossWeights` get its weights, all others the
        weight 1.
        """
        raise NotImplementedError

    def forward(
        self,
        images: Tensor,
        tokens: Tensor,
        valid: Tensor,
        image_index: Tensor | None = None,
        windows: Tensor | None = None,
    ) -> Answer:
        """`encode` and `answer` in one."""
        return self.answer(self.encode(images, windows), tokens, valid, image_index)

    def parameter_groups(self, rates: LearningRates) -> list[dict[str, Any]]:
        """Groups for an optimizer: each part (see `part_of`) with and without weight decay (none on vectors and
        scalars).
        """
        grouped: dict[tuple[str, bool], list[nn.Parameter]] = {}
        for name, parameter in self.named_parameters():
            grouped.setdefault((self.part_of(name), parameter.ndim > 1), []).append(parameter)
        return [
            {
                "params": parameters,
                "lr": getattr(rates, part),
                "base_lr": getattr(rates, part),
                "weight_decay": rates.decay if decayed else 0.0,
            }
            for (part, decayed), parameters in sorted(grouped.items(), key=lambda item: item[0])
        ]

    def part_of(self, parameter: str) -> str:
        """The field of `LearningRates` that a parameter of this name learns at."""
        return "backbone" if parameter.partition(".")[0] == "backbone" else "rest"

    def word_tables(self) -> tuple[nn.Embedding, ...]:
        """Every table with one row for each word of the vocabulary, so that words can be added to a trained system;
        none: it cannot be extended.
        """
        return ()


class AttendedFrom(NamedTuple):
    """What one position attends to on L levels: words (K, L, T), padded words 0, and places (K, L, h, w); each level
    sums to 1.
    """

    words: Tensor
    places: Tensor


@runtime_checkable
class AttendsFromPlace(Protocol):
    """A system that can show what a single position attends to."""

    def attention_grid(self, encoded: Encoded) -> tuple[int, int]:
        """(h, w) of the positions."""
        ...

    def attention_from(
        self, encoded: Encoded, tokens: Tensor, valid: Tensor, position: int, image_index: Tensor | None = None
    ) -> AttendedFrom:
        """What the position row * w + column attends to; arguments else as of `System.answer`."""
        ...


class WindowEncoding(NamedTuple):
    """A frame encoded with the frames around it.  weights (L, F): how much each of the F frames counted on each of L
    levels, rows sum to 1.
    """

    encoded: Encoded
    weights: Tensor


class ClipReader(Protocol):
    """One expression and one clip that is read frame by frame, in memory that the window bounds.

    tau: frames on either side of a frame that take part in its answer.
    """

    @property
    def tau(self) -> int: ...

    def read(self, images: Tensor, windows: Tensor) -> Any:
        """Extract the features of one frame; changes nothing. The result is a tuple of tensors."""
        ...

    def read_features(self, features: Any) -> Any:
        """The same from the backbone's features on, for a branch that shares them."""
        ...

    def push(self, frame: Any) -> None:
        """Append what `read` returned for the next frame."""
        ...

    def encode(self, frame: Any, target: int, first: int, last: int) -> WindowEncoding:
        """Encode the frame of number `target` with the frames first..last (inclusive), all of which have been
        pushed.
        """
        ...


@runtime_checkable
class ReadsVideos(Protocol):
    """A system whose answer to a frame uses the frames around it."""

    def open_clip(self, tokens: Tensor, valid: Tensor) -> ClipReader:
        """Start reading a clip for one expression, tokens and valid (1, T)."""
        ...

    def encode_window(self, images: Tensor, windows: Tensor | None = None) -> Encoded:
        """Encode B frames that are one window, for training; gradients reach `clip_parameters` alone."""
        ...

    def clip_parameters(self) -> list[nn.Parameter]:
        """What a phase of clips trains. Raises ValueError for a configuration without attention across frames."""
        ...


@runtime_checkable
class ChoosesRegions(Protocol):
    """A system with a region branch, see `refseg.models.regions.branch`."""

    branch: Any

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the detector's classes; empty if they have none."""
        ...

    def propose(self, images: Tensor, windows: Tensor | None = None) -> Any:
        """The region proposals of B images and the backbone's features they come from: (`Regions`,
        `BackboneFeatures`).
        """
        ...

    def choose(self, described: Any, tokens: Tensor, valid: Tensor, image_index: Tensor) -> Any:
        """Choose among described regions for K expressions, without any image: `Selected`."""
        ...

    def read_number(self, tokens: Tensor, valid: Tensor) -> Tensor:
        """Logit (K,) that an expression means several objects. Raises ValueError for a branch that does not read it."""
        ...

    def without_evidence(self, encoded: Encoded) -> Encoded:
        """The same images, answered densely: no mask of a region reaches the answer."""
        ...


def in_order(images: int, tokens: Tensor) -> Tensor:
    """The default of `image_index`: the k-th of `images` encoded images for the k-th expression, or the only one for
    all of them. (K,).
    """
    return torch.arange(len(tokens), device=tokens.device) % images
