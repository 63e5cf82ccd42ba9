"""References to an annotation of an image that may not exist yet."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from refseg.annotation.records import MAX_ANNOTATIONS, AnnotatedImage, Annotation, utc_now
from refseg.errors import ProjectError

COLORS = ("#ff3d7f", "#00c2e0", "#ff8a00", "#7bd500", "#8b5cf6", "#ffd400", "#ff5a36", "#22a06b")
ID = re.compile(r"[0-9a-f]{8}")


@dataclass(frozen=True)
class NewAnnotation:
    """An annotation that is created by the first edit that refers to it.

    The client chooses its id, so that it can send a second edit before the first is answered.
    Raises ProjectError for an id that is not 8 hexadecimal digits.
    """

    id: str

    def __post_init__(self) -> None:
        if not ID.fullmatch(self.id):
            raise ProjectError(
                f"The id of a new mask is {self.id[:40]!r}. Expected 8 hexadecimal digits in lower case. Choose an id"
                " of that form."
            )


AnnotationRef = str | NewAnnotation | None
"""The id of an existing annotation, one that is created if it does not exist, or None for a new one."""


def new_id() -> str:
    """A random id for a new annotation."""
    return secrets.token_hex(4)


def find_or_create(ref: AnnotationRef, record: AnnotatedImage, author: str = "") -> Annotation:
    """The annotation that is referred to, or an empty one that is not in the record yet.

    Raises ProjectError if the id does not exist, or if the image has MAX_ANNOTATIONS already.
    """
    if isinstance(ref, str):
        return record.annotation(ref)
    id_ = new_id() if ref is None else ref.id
    for annotation in record.annotations:
        if annotation.id == id_:
            return annotation
    if len(record.annotations) >= MAX_ANNOTATIONS:
        raise ProjectError(f"{record.name} has {MAX_ANNOTATIONS} masks. More are not possible. Delete some.")
    return Annotation(id_, color=least_used_color(record), author=author, created=utc_now(), updated=utc_now())


def least_used_color(record: AnnotatedImage) -> str:
    """The color that the fewest annotations of the image have."""
    used = [annotation.color for annotation in record.annotations]
    return min(COLORS, key=used.count)
