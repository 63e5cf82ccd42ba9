"""Which layer of a picture is meant, where it may be one that is not there yet."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from refseg.annotation.records import MAX_LAYERS, Layer, PictureRecord, now
from refseg.errors import ProjectError

COLOURS = ("#ff3d7f", "#00c2e0", "#ff8a00", "#7bd500", "#8b5cf6", "#ffd400", "#ff5a36", "#22a06b")
ID = re.compile(r"[0-9a-f]{8}")


@dataclass(frozen=True)
class Fresh:
    """A layer that is made when it is first worked on: who names it can go on with it before that has been answered. Raises ProjectError for an id that is
    not 8 hexadecimal digits."""

    id: str

    def __post_init__(self) -> None:
        if not ID.fullmatch(self.id):
            raise ProjectError(f"got {self.id[:40]!r} as the id of a new mask, expected 8 hexadecimal digits in lower case")


Target = str | Fresh | None
"""One that is there, by its id; one that may have to be made first; None for a new one."""


def new_id() -> str:
    """An id that no other layer of a picture has, nor had before it was deleted."""
    return secrets.token_hex(4)


def layer_at(target: Target, record: PictureRecord, author: str = "") -> Layer:
    """The layer of a picture that is meant, or an empty one to be added to it. Raises ProjectError for one that is not there, or one too many."""
    if isinstance(target, str):
        return record.layer(target)
    id_ = new_id() if target is None else target.id
    for layer in record.layers:
        if layer.id == id_:
            return layer
    if len(record.layers) >= MAX_LAYERS:
        raise ProjectError(f"{record.name} has {MAX_LAYERS} masks already, which is the most: delete some")
    return Layer(id_, colour=free_colour(record), author=author, created=now(), updated=now())


def free_colour(record: PictureRecord) -> str:
    """The colour that the fewest of its layers have."""
    used = [layer.colour for layer in record.layers]
    return min(COLOURS, key=used.count)
