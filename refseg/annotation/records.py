"""What is known of a picture and of the things in it, and how that is written as JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, Literal, TypeGuard, get_args

import numpy as np

from refseg.data.masks import BoolMask, decode_rle, encode_rle
from refseg.errors import ProjectError

State = Literal["new", "model", "corrected", "accepted", "skipped"]
STATES: tuple[State, ...] = get_args(State)
MAX_TEXT = 1000
MAX_ANNOTATIONS = 500
MAX_ID = 2**63
COLOR = re.compile(r"#[0-9a-f]{6}", re.IGNORECASE)

Json = Mapping[str, Any]
Id = int | str
"""An id in the data set that an image or object was imported from: text of at most MAX_TEXT characters, or a whole number of 64 bits."""


@dataclass(frozen=True)
class Origin:
    """How a mask came about: the model and its revision, the threshold, the refinement; all None for one drawn by hand or imported."""

    model: str | None = None
    revision: str | None = None
    threshold: float | None = None
    refinement: str | None = None


@dataclass(frozen=True, eq=False)
class Annotation:
    """One thing in a picture, or one that is said to be no_target.

    id: within the picture.  expressions: sentences that mean it.  category: its name, "" for none.  mask: COCO run lengths, None for a thing that is
    no_target.  model_mask: what the model drew before a person corrected it.  changed: share of the picture's pixels in which the two differ, 0..1.
    probability: the model's uncertainty is read off it elsewhere; doubt: 0 (sure) .. 1, None where no model was asked.  original_id, category_id: the object's
    id and the id of its category in the data set that it was imported from, None for none.
    """

    id: str
    expressions: tuple[str, ...] = ()
    category: str = ""
    color: str = "#ff3d7f"
    hidden: bool = False
    no_target: bool = False
    mask: Json | None = None
    model_mask: Json | None = None
    changed: float = 0.0
    uncertainty: float | None = None
    origin: Origin = field(default_factory=Origin)
    author: str = ""
    created: str = ""
    updated: str = ""
    original_id: Id | None = None
    category_id: Id | None = None

    def decode_mask(self) -> BoolMask | None:
        """The mask, bool (H, W); None for none."""
        return None if self.mask is None else decode_rle(self.mask)

    def predicted_mask(self) -> Json | None:
        """The model's own mask, whether somebody corrected it or not; None where no model drew it."""
        return self.model_mask if self.model_mask is not None else self.mask if self.origin.model is not None else None

    def as_no_target(self) -> Annotation:
        """The annotation as one that says that its thing is not in the picture: no mask, but the model's stays beside it."""
        model = self.predicted_mask()
        changed = 0.0 if model is None else float(np.mean(decode_rle(model)))
        return replace(self, mask=None, model_mask=model, changed=changed, no_target=True, updated=now())

    def with_mask(self, mask: BoolMask) -> Annotation:
        """The annotation with another mask (H, W), as a person leaves it: the model's own stays beside it, empty where the model found nothing."""
        model = self.predicted_mask()
        if model is None and self.origin.model is not None:
            model = encode_rle(np.zeros_like(mask))
        changed = 0.0 if model is None else float(np.mean(decode_rle(model) != mask))
        return replace(self, mask=encode_rle(mask), model_mask=model, changed=changed, no_target=False, updated=now())


@dataclass(frozen=True, eq=False)
class AnnotatedImage:
    """One picture of a project. name: unique in the project, also its file's name there.  file: where the picture is, relative to the project's
    folder, or absolute for one that is only linked.  revision: grows by one with every save.  clip: the clip that it is a frame of, "" for none;
    frame: its number there, from 0.  added: when, for the order of the list.  original_name: the image's path, with "/" between folders, in the data set
    that it was imported from, "" for none.  original_id: its id there."""

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
        """The largest uncertainty of its annotations; 1 where no model was asked yet, so that it comes first."""
        known = [annotation.uncertainty for annotation in self.annotations if annotation.uncertainty is not None]
        return max(known) if known else 1.0

    def annotation(self, id_: str) -> Annotation:
        """Raises ProjectError for one that is not there."""
        for annotation in self.annotations:
            if annotation.id == id_:
                return annotation
        raise ProjectError(f"the picture {self.name} has no mask {id_!r}: it may have been deleted in another window, reload it")

    def with_annotation(self, annotation: Annotation) -> AnnotatedImage:
        """The annotation in the place of the one with its id, or at the end."""
        ids = [one.id for one in self.annotations]
        annotations = tuple(annotation if one.id == annotation.id else one for one in self.annotations)
        return replace(self, annotations=annotations if annotation.id in ids else (*annotations, annotation))

    def with_prediction(self, annotation: Annotation) -> AnnotatedImage:
        """The same with a annotation that a model drew: a picture that was new or accepted has something in it now that nobody has looked at."""
        return replace(self.with_annotation(annotation), state="model" if self.state in ("new", "accepted") else self.state)

    def without_annotation(self, id_: str) -> AnnotatedImage:
        """The picture less one annotation."""
        return replace(self, annotations=tuple(one for one in self.annotations if one.id != id_))


def now() -> str:
    """The time in UTC to the second, ISO 8601."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment() -> str:
    """The same to the microsecond, so that what is added one after the other stays in order."""
    return datetime.now(timezone.utc).isoformat(timespec="microseconds")


def image_to_json(record: AnnotatedImage) -> dict[str, Any]:
    """JSON types; the inverse of `image_from_json`."""
    return {
        "name": record.name,
        "file": record.file,
        "height": record.height,
        "width": record.width,
        "state": record.state,
        "split": record.split,
        "revision": record.revision,
        "clip": record.clip,
        "frame": record.frame,
        "added": record.added,
        "original_name": record.original_name,
        "original_id": record.original_id,
        "layers": [_annotation_to_json(annotation) for annotation in record.annotations],
    }


def image_from_json(values: Any) -> AnnotatedImage:
    """Everything is checked, but the masks' run lengths, which are when they are used. Raises ProjectError."""
    known = _object(values, "a picture")
    annotations = known.get("layers", [])
    if not isinstance(annotations, list) or len(annotations) > MAX_ANNOTATIONS:
        raise ProjectError(f"got annotations that are not a list of at most {MAX_ANNOTATIONS}: the file is damaged or of another program")
    height, width = _whole(known, "height", 1), _whole(known, "width", 1)
    return AnnotatedImage(
        name=_text(known, "name"),
        file=_text(known, "file"),
        height=height,
        width=width,
        state=_one_of(known, "state", STATES),
        split=_text(known, "split", ""),
        annotations=tuple(_annotation_from_json(annotation, height, width) for annotation in annotations),
        revision=_whole(known, "revision", 0),
        clip=_text(known, "clip", ""),
        frame=None if known.get("frame") is None else _whole(known, "frame", 0),
        added=_text(known, "added", ""),
        original_name=_text(known, "original_name", ""),
        original_id=_maybe_id(known, "original_id"),
    )


def has_same_content(one: AnnotatedImage, other: AnnotatedImage) -> bool:
    """Whether two records of a picture say the same of it, in whichever of its revisions."""
    return image_to_json(replace(one, revision=0)) == image_to_json(replace(other, revision=0))


def checked(annotation: Annotation, record: AnnotatedImage) -> Annotation:
    """A annotation of that picture, if it could be read again from its file as it is. Raises ProjectError."""
    return _annotation_from_json(_annotation_to_json(annotation), record.height, record.width)


def _annotation_to_json(annotation: Annotation) -> dict[str, Any]:
    origin = annotation.origin
    return {
        "id": annotation.id,
        "expressions": list(annotation.expressions),
        "category": annotation.category,
        "colour": annotation.color,
        "hidden": annotation.hidden,
        "absent": annotation.no_target,
        "mask": annotation.mask,
        "model_mask": annotation.model_mask,
        "changed": round(annotation.changed, 8),
        "doubt": annotation.uncertainty,
        "origin": {
            "model": origin.model,
            "revision": origin.revision,
            "threshold": origin.threshold,
            "refinement": origin.refinement,
        },
        "author": annotation.author,
        "created": annotation.created,
        "updated": annotation.updated,
        "original_id": annotation.original_id,
        "category_id": annotation.category_id,
    }


def _annotation_from_json(values: Any, height: int, width: int) -> Annotation:
    known = _object(values, "a mask")
    said = known.get("expressions", [])
    if not isinstance(said, list) or not all(is_text(text) for text in said):
        raise ProjectError(f"got expressions that are not a list of texts of at most {MAX_TEXT} characters: mend the file")
    origin = _object(known.get("origin") or {}, "an origin")
    return Annotation(
        id=_text(known, "id"),
        expressions=tuple(said),
        category=_text(known, "category", ""),
        color=_colour(known.get("colour", "#ff3d7f")),
        hidden=known.get("hidden") is True,
        no_target=known.get("absent") is True,
        mask=_run_lengths(known.get("mask"), height, width),
        model_mask=_run_lengths(known.get("model_mask"), height, width),
        changed=_share(known.get("changed", 0.0)) or 0.0,
        uncertainty=_share(known.get("doubt")),
        origin=Origin(
            model=_maybe_text(origin, "model"),
            revision=_maybe_text(origin, "revision"),
            threshold=_share(origin.get("threshold")),
            refinement=_maybe_text(origin, "refinement"),
        ),
        author=_text(known, "author", ""),
        created=_text(known, "created", ""),
        updated=_text(known, "updated", ""),
        original_id=_maybe_id(known, "original_id"),
        category_id=_maybe_id(known, "category_id"),
    )


def _object(values: Any, what: str) -> Json:
    if not isinstance(values, dict):
        raise ProjectError(f"got {type(values).__name__}, expected {what} as a JSON object: the file is damaged or of another program")
    return values


def _text(known: Json, name: str, default: str | None = None) -> str:
    value = known.get(name, default)
    if not is_text(value):
        raise ProjectError(f"got {name} {str(value)[:40]!r}, expected a text of at most {MAX_TEXT} characters: mend the file")
    return value


def is_text(value: Any) -> TypeGuard[str]:
    """Not too long, and without halves of characters: JSON can say those, no file can hold them."""
    return isinstance(value, str) and len(value) <= MAX_TEXT and not any("\ud800" <= character <= "\udfff" for character in value)


def is_id(value: Any) -> TypeGuard[Id]:
    """Whether a value can be kept as the id that a data set gave to an image, object or category."""
    return is_text(value) or (isinstance(value, int) and not isinstance(value, bool) and -MAX_ID <= value < MAX_ID)


def _maybe_id(known: Json, name: str) -> Id | None:
    value = known.get(name)
    if value is not None and not is_id(value):
        raise ProjectError(
            f"got {name} {str(value)[:40]!r}, expected a whole number, a text of at most {MAX_TEXT} characters or null: fix the file"
        )
    return value


def _maybe_text(known: Json, name: str) -> str | None:
    return None if known.get(name) is None else _text(known, name)


def _whole(known: Json, name: str, low: int) -> int:
    value = known.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise ProjectError(f"got {name} {str(value)[:40]!r}, expected a whole number of at least {low}: mend the file")
    return value


def _share(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not 0 <= value <= 1:
        raise ProjectError(f"got {str(value)[:40]!r}, expected a number from 0 to 1 or null: mend the file")
    return float(value)


def _colour(value: Any) -> str:
    if not isinstance(value, str) or not COLOR.fullmatch(value):
        raise ProjectError(f"got the color {str(value)[:40]!r}, expected # and six hexadecimal digits: mend the file")
    return value


def _one_of(known: Json, name: str, choices: Sequence[State]) -> State:
    for choice in choices:
        if known.get(name) == choice:
            return choice
    raise ProjectError(f"got {name} {str(known.get(name))[:40]!r}, expected one of {', '.join(choices)}: mend the file")


def _run_lengths(value: Any, height: int, width: int) -> Json | None:
    if value is None:
        return None
    if not isinstance(value, dict) or value.get("size") != [height, width] or not isinstance(value.get("counts"), str):
        raise ProjectError(f"got a mask that is not COCO run lengths of {height} x {width}: mend the file")
    return {"size": [height, width], "counts": value["counts"]}
