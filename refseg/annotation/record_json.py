"""Records of images as JSON: written in the current form, read in that of every version of a project.

Reading validates everything but the counts of run lengths, which are validated when a mask is decoded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, TypeGuard

from refseg.annotation.records import (
    DEFAULT_COLOR,
    MAX_ANNOTATIONS,
    MAX_TEXT,
    STATES,
    AnnotatedImage,
    Annotation,
    Id,
    Origin,
    RunLengths,
    State,
)
from refseg.errors import ProjectError

VERSION = 2
HEX_COLOR = re.compile(r"#[0-9a-f]{6}", re.IGNORECASE)
ID_LIMIT = 2**63
# Version 1 -> version 2.
_IMAGE_KEYS = {"layers": "annotations"}
_ANNOTATION_KEYS = {"colour": "color", "absent": "no_target", "doubt": "uncertainty"}

Object = Mapping[str, Any]


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
        "annotations": [_annotation_to_json(annotation) for annotation in record.annotations],
    }


def image_from_json(values: Any) -> AnnotatedImage:
    """A record of any version. Raises ProjectError."""
    known = upgrade_record(_object(values, "an image"))
    annotations = known.get("annotations", [])
    if not isinstance(annotations, list) or len(annotations) > MAX_ANNOTATIONS:
        raise ProjectError(f'"annotations" is not a list of at most {MAX_ANNOTATIONS}. Restore the file from a backup.')
    height, width = _integer(known, "height", 1), _integer(known, "width", 1)
    return AnnotatedImage(
        name=_text(known, "name"),
        file=_text(known, "file"),
        height=height,
        width=width,
        state=_state(known),
        split=_text(known, "split", ""),
        annotations=tuple(_annotation_from_json(annotation, height, width) for annotation in annotations),
        revision=_integer(known, "revision", 0),
        clip=_text(known, "clip", ""),
        frame=None if known.get("frame") is None else _integer(known, "frame", 0),
        added=_text(known, "added", ""),
        original_name=_text(known, "original_name", ""),
        original_id=_optional_id(known, "original_id"),
    )


def upgrade_record(values: Object) -> Object:
    """A record of version 1 or 2 with the keys of version 2. A key of version 2 wins over its older form."""
    record = _renamed(values, _IMAGE_KEYS)
    annotations = record.get("annotations")
    if isinstance(annotations, list):
        record["annotations"] = [
            _renamed(one, _ANNOTATION_KEYS) if isinstance(one, dict) else one for one in annotations
        ]
    return record


def has_same_content(one: AnnotatedImage, other: AnnotatedImage) -> bool:
    """Whether two records of an image differ in nothing but their revisions."""
    return image_to_json(replace(one, revision=0)) == image_to_json(replace(other, revision=0))


def validate_image(record: AnnotatedImage) -> None:
    """Raises ProjectError if the record could not be read again after it was written."""
    image_from_json(image_to_json(record))


def validate_annotation(annotation: Annotation, record: AnnotatedImage) -> None:
    """Raises ProjectError if an annotation of the image could not be read again after it was written."""
    _annotation_from_json(_annotation_to_json(annotation), record.height, record.width)


def is_text(value: Any) -> TypeGuard[str]:
    """Whether a value is text of at most MAX_TEXT characters without surrogates, which JSON can hold and
    UTF-8 cannot.
    """
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        return False
    return not any("\ud800" <= character <= "\udfff" for character in value)


def is_id(value: Any) -> TypeGuard[Id]:
    """Whether a value can be kept as the id of an image, an object or a category in a data set."""
    return is_text(value) or (isinstance(value, int) and not isinstance(value, bool) and -ID_LIMIT <= value < ID_LIMIT)


def _renamed(values: Object, keys: Mapping[str, str]) -> dict[str, Any]:
    renamed = {keys[key]: value for key, value in values.items() if key in keys}
    return renamed | {key: value for key, value in values.items() if key not in keys}


def _annotation_to_json(annotation: Annotation) -> dict[str, Any]:
    return {
        "id": annotation.id,
        "expressions": list(annotation.expressions),
        "category": annotation.category,
        "color": annotation.color,
        "hidden": annotation.hidden,
        "no_target": annotation.no_target,
        "mask": annotation.mask,
        "model_mask": annotation.model_mask,
        "changed": round(annotation.changed, 8),
        "uncertainty": annotation.uncertainty,
        "origin": asdict(annotation.origin),
        "author": annotation.author,
        "created": annotation.created,
        "updated": annotation.updated,
        "original_id": annotation.original_id,
        "category_id": annotation.category_id,
    }


def _annotation_from_json(values: Any, height: int, width: int) -> Annotation:
    known = _object(values, "a mask")
    expressions = known.get("expressions", [])
    if not isinstance(expressions, list) or not all(is_text(text) for text in expressions):
        raise ProjectError(f'"expressions" is not a list of texts of at most {MAX_TEXT} characters. Fix the file.')
    origin = _object(known.get("origin") or {}, "an origin")
    return Annotation(
        id=_text(known, "id"),
        expressions=tuple(expressions),
        category=_text(known, "category", ""),
        color=_color(known.get("color", DEFAULT_COLOR)),
        hidden=known.get("hidden") is True,
        no_target=known.get("no_target") is True,
        mask=_run_lengths(known.get("mask"), height, width),
        model_mask=_run_lengths(known.get("model_mask"), height, width),
        changed=_share(known, "changed") or 0.0,
        uncertainty=_share(known, "uncertainty"),
        origin=Origin(
            model=_optional_text(origin, "model"),
            revision=_optional_text(origin, "revision"),
            threshold=_share(origin, "threshold"),
            refinement=_optional_text(origin, "refinement"),
        ),
        author=_text(known, "author", ""),
        created=_text(known, "created", ""),
        updated=_text(known, "updated", ""),
        original_id=_optional_id(known, "original_id"),
        category_id=_optional_id(known, "category_id"),
    )


def _object(values: Any, what: str) -> Object:
    if not isinstance(values, dict):
        raise ProjectError(
            f"A JSON value is {_shown(values)}. Expected {what} as a JSON object. Restore the file from a backup."
        )
    return values


def _text(known: Object, name: str, default: str | None = None) -> str:
    value = known.get(name, default)
    if not is_text(value):
        raise ProjectError(
            f'"{name}" is {_shown(value)}. Expected a text of at most {MAX_TEXT} characters. Fix the file.'
        )
    return value


def _optional_text(known: Object, name: str) -> str | None:
    return None if known.get(name) is None else _text(known, name)


def _optional_id(known: Object, name: str) -> Id | None:
    value = known.get(name)
    if value is not None and not is_id(value):
        raise ProjectError(
            f'"{name}" is {_shown(value)}. Expected a whole number, a text of at most {MAX_TEXT} characters or null.'
            " Fix the file."
        )
    return value


def _integer(known: Object, name: str, low: int) -> int:
    value = known.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise ProjectError(f'"{name}" is {_shown(value)}. Expected a whole number of at least {low}. Fix the file.')
    return value


def _share(known: Object, name: str) -> float | None:
    value = known.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not 0 <= value <= 1:
        raise ProjectError(f'"{name}" is {_shown(value)}. Expected a number from 0 to 1 or null. Fix the file.')
    return float(value)


def _color(value: Any) -> str:
    if not isinstance(value, str) or not HEX_COLOR.fullmatch(value):
        raise ProjectError(f'"color" is {_shown(value)}. Expected # and six hexadecimal digits. Fix the file.')
    return value


def _state(known: Object) -> State:
    value = known.get("state")
    for state in STATES:
        if value == state:
            return state
    raise ProjectError(f'"state" is {_shown(value)}. Expected one of {", ".join(STATES)}. Fix the file.')


def _run_lengths(value: Any, height: int, width: int) -> RunLengths | None:
    if value is None:
        return None
    if not isinstance(value, dict) or value.get("size") != [height, width] or not isinstance(value.get("counts"), str):
        raise ProjectError(f"A mask is not COCO run lengths of {height} x {width}. Restore the file from a backup.")
    return {"size": [height, width], "counts": value["counts"]}


def _shown(value: Any) -> str:
    """A value as a message names it: short, whatever it is."""
    return repr(value)[:60] if isinstance(value, str | int | float | None) else f"of the type {type(value).__name__}"
