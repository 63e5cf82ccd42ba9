"""Which annotation of a picture is meant, where it may be one that is not there yet."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from refseg.annotation.records import MAX_ANNOTATIONS, AnnotatedImage, Annotation, now
from refseg.errors import ProjectError

COLORS = ("#ff3d7f", "#00c2e0", "#ff8a00", "#7bd500", "#8b5cf6", "#ffd400", "#ff5a36", "#22a06b")
ID = re.compile(r"[0-9a-f]{8}")


@dataclass(frozen=True)
class NewAnnotation:
    """A annotation that is made when it is first worked on: who names it can go on with it before that has been answered. Raises ProjectError for an id that is
    not 8 hexadecimal digits."""

    id: str

    def __post_init__(self) -> None:
        if not ID.fullmatch(self.id):
            raise ProjectError(f"got {self.id[:40]!r} as the id of a new mask, expected 8 hexadecimal digits in lower case")


AnnotationRef = str | NewAnnotation | None
"""One that is there, by its id; one that may have to be made first; None for a new one."""


def new_id() -> str:
    """An id that no other annotation of a picture has, nor had before it was deleted."""
    return secrets.token_hex(4)


def find_or_create(target: AnnotationRef, record: AnnotatedImage, author: str = "") -> Annotation:
    """The annotation of a picture that is meant, or an empty one to be added to it. Raises ProjectError for one that is not there, or one too many."""
    if isinstance(target, str):
        return record.annotation(target)
    id_ = new_id() if target is None else target.id
    for annotation in record.annotations:
        if annotation.id == id_:
            return annotation
    if len(record.annotations) >= MAX_ANNOTATIONS:
        raise ProjectError(f"{record.name} has {MAX_ANNOTATIONS} masks already, which is the most: delete some")
    return Annotation(id_, color=least_used_color(record), author=author, created=now(), updated=now())


def least_used_color(record: AnnotatedImage) -> str:
    """The color that the fewest of its annotations have."""
    used = [annotation.color for annotation in record.annotations]
    return min(COLORS, key=used.count)
