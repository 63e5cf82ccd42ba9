"""One image of a project and its annotations: masks with their expressions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, Literal, get_args

import numpy as np

from refseg.data.masks import BoolMask, decode_rle, encode_rle
from refseg.errors import ProjectError

State = Literal["new", "model", "corrected", "accepted", "skipped"]
STATES: tuple[State, ...] = get_args(State)
MAX_TEXT = 1000  # characters of an expression, a category or a name
MAX_ANNOTATIONS = 500  # of one image
DEFAULT_COLOR = "#ff3d7f"

RunLengths = Mapping[str, Any]
"""A mask as COCO run lengths: {"size": [height, width], "counts": text}."""
Id = int | str
"""An id in the data set that an image or object was imported from: text of at most MAX_TEXT characters, or a whole
number of 64 bits."""


@dataclass(frozen=True)
class Origin:
    """Where a mask comes from. All fields are None for a mask that was drawn by hand or imported."""

    model: str | None = None
    revision: str | None = None
    threshold: float | None = None
    refinement: str | None = None


@dataclass(frozen=True, eq=False)
class Annotation:
    """An object of an image, or expressions that have no target in it.

    id: unique in the image.
    expressions: each of them refers to this object.
    category: name of the object's class; "" for none.
    color: of the mask in the editor, "#rrggbb".
    hidden: whether the editor hides the mask.
    no_target: the expressions name nothing in this image; there is no mask then.
    mask: None if nothing is drawn yet, or there is no target.
    model_mask: the model's prediction; None if nobody has corrected it, or if no model predicted this object.
    changed: share of the image's pixels in which `mask` and `model_mask` differ, 0..1.
    uncertainty: of the model, 0 (certain) to 1; None if no model predicted this object.
    author: who drew or corrected it.
    created, updated: times as `utc_now` gives them.
    original_id, category_id: ids of the object and its category in the data set it was imported from; None for none.
    """

    id: str
    expressions: tuple[str, ...] = ()
    category: str = ""
    color: str = DEFAULT_COLOR
    hidden: bool = False
    no_target: bool = False
    mask: RunLengths | None = None
    model_mask: RunLengths | None = None
    changed: float = 0.0
    uncertainty: float | None = None
    origin: Origin = field(default_factory=Origin)
    author: str = ""
    created: str = ""
    updated: str = ""
    original_id: Id | None = None
    category_id: Id | None = None

    def decode_mask(self) -> BoolMask | None:
        """The mask, bool (H, W); None if there is none. Raises DataError for damaged run lengths."""
        return None if self.mask is None else decode_rle(self.mask)

    def predicted_mask(self) -> RunLengths | None:
        """The model's prediction, whether it was corrected or not; None if no model predicted this object."""
        if self.model_mask is not None:
            return self.model_mask
        return self.mask if self.origin.model is not None else None

    def as_no_target(self) -> Annotation:
        """This annotation with "no target in this image" instead of its mask. Keeps the model's prediction."""
        model = self.predicted_mask()
        changed = 0.0 if model is None else float(np.mean(decode_rle(model)))
        return replace(self, mask=None, model_mask=model, changed=changed, no_target=True, updated=utc_now())

    def with_mask(self, mask: BoolMask) -> Annotation:
        """This annotation with a corrected mask, bool (H, W). Keeps the model's prediction."""
        model = self.predicted_mask()
        if model is None and self.origin.model is not None:
            model = encode_rle(np.zeros_like(mask))  # the model predicted that there is no target
        changed = 0.0 if model is None else float(np.mean(decode_rle(model) != mask))
        return replace(
            self, mask=encode_rle(mask), model_mask=model, changed=changed, no_target=False, updated=utc_now()
        )


@dataclass(frozen=True, eq=False)
class AnnotatedImage:
    """An image of a project with its annotations: one record on disk.

    name: unique in the project; also the name of the image's copy there.
    file: path of the image relative to the project's folder, or an absolute path for an image that is only linked.
    height, width: in pixels, upright.
    split: of the data set, such as "train"; "" for none.
    revision: grows by one with every save.
    clip: name of the video that the image is a frame of; "" for none.  frame: its index in that video, from 0.
    added: when it was added; the image list is in this order.
    original_name: path of the image in the data set it was imported from, with "/" between folders; "" for none.
    original_id: its id there.
    """

    name: str
    file: str
    height: int
    width: int
    state: State = "new"
    split: str = ""
    annotations: tuple[Annotation, ...] = ()
    revision: int = 0
    clip: str = ""
    frame: int | None = None
    added: str = ""
    original_name: str = ""
    original_id: Id | None = None

    @property
    def uncertainty(self) -> float:
        """The largest uncertainty of its annotations; 1 if there is none, because no model has seen the image yet."""
        known = [annotation.uncertainty for annotation in self.annotations if annotation.uncertainty is not None]
        return max(known) if known else 1.0

    def annotation(self, id_: str) -> Annotation:
        """The annotation with this id. Raises ProjectError if there is none."""
        for annotation in self.annotations:
            if annotation.id == id_:
                return annotation
        raise ProjectError(
            f"{self.name} has no mask {id_!r}. It may have been deleted in another window. Reload the image."
        )

    def with_annotation(self, annotation: Annotation) -> AnnotatedImage:
        """This image with one annotation replaced by the given one of the same id, or added at the end."""
        ids = [one.id for one in self.annotations]
        annotations = tuple(annotation if one.id == annotation.id else one for one in self.annotations)
        return replace(self, annotations=annotations if annotation.id in ids else (*annotations, annotation))

    def with_prediction(self, annotation: Annotation) -> AnnotatedImage:
        """This image with an annotation by a model. It needs a review then, even if it was accepted before."""
        return replace(
            self.with_annotation(annotation), state="model" if self.state in ("new", "accepted") else self.state
        )

    def without_annotation(self, id_: str) -> AnnotatedImage:
        """This image without one of its annotations."""
        return replace(self, annotations=tuple(one for one in self.annotations if one.id != id_))


def utc_now() -> str:
    """The time in UTC to the second, ISO 8601."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def precise_utc_now() -> str:
    """The time in UTC to the microsecond, so that images added in quick succession keep their order."""
    return datetime.now(timezone.utc).isoformat(timespec="microseconds")
