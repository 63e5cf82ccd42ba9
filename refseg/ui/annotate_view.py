"""What the annotation tab's script is told: a desk as JSON, with masks reduced for the screen."""

from typing import Any

from refseg.annotation.desk import Desk
from refseg.annotation.records import Layer
from refseg.annotation.store import Entry, Project
from refseg.data.masks import decode_rle
from refseg.errors import DataError, RefsegError
from refseg.image_encoding import grey_uri, jpeg_uri, reduced_image, reduced_map, view_size

MOST_TOLD = 5  # records that are damaged


class View:
    """Tells each thing once: the picture when it is another one, a mask when it has changed."""

    def __init__(self) -> None:
        self._picture = ""
        self._masks: dict[str, Any] = {}

    def forget(self) -> None:
        """The script has lost what it was told (it was reloaded)."""
        self._picture, self._masks = "", {}

    def of(self, desk: Desk) -> dict[str, Any]:
        """The desk as it is. A picture that cannot be shown has "problem", a sentence, in the place of its "uri"; all else goes on."""
        agreement, judged = desk.agreement
        shown: dict[str, Any] = {
            "undo": desk.history.undoable,
            "redo": desk.history.redoable,
            "agreement": round(agreement, 4),
            "judged": judged,
            "notes": list(desk.notes),
            "picture": None,
        }
        if desk.here is None:
            self.forget()
            return shown
        record = desk.record
        height, width = view_size(record.height, record.width)
        picture: dict[str, Any] = {
            "name": record.name,
            "height": record.height,
            "width": record.width,
            "view": [width, height],
            "state": record.state,
            "split": record.split,
            "doubt": round(record.doubt, 3),
        }
        if self._picture != record.name:
            self.forget()
            try:
                picture["uri"] = jpeg_uri(reduced_image(desk.image))
                self._picture = record.name
            except RefsegError as error:  # told again each time, as long as it is so
                picture["problem"] = str(error)
        shown["picture"] = picture
        shown["layers"] = [_layer(layer, desk) for layer in record.layers]
        shown["masks"], problems = self._changed(record.layers)
        shown["notes"] += problems
        return shown

    def _changed(self, layers: tuple[Layer, ...]) -> tuple[dict[str, str | None], list[str]]:
        """Masks that the script does not have, as grey PNGs of the view's size, and what is wrong with those that are shown as none."""
        fresh: dict[str, str | None] = {}
        problems = []
        for number, layer in enumerate(layers, start=1):
            if layer.id not in self._masks or self._masks[layer.id] is not layer.mask:
                fresh[layer.id] = None
                try:
                    if layer.mask is not None:
                        fresh[layer.id] = grey_uri(reduced_map(decode_rle(layer.mask)))
                except DataError as error:
                    problems.append(
                        f"The mask {number} is damaged and not shown ({error}): delete it, or restore the picture's record from a copy."
                    )
        self._masks = {layer.id: layer.mask for layer in layers}
        return fresh, problems


def entries_of(entries: list[Entry]) -> list[list[Any]]:
    """The list."""
    return [entry_of(entry) for entry in entries]


def entry_of(entry: Entry) -> list[Any]:
    """A picture in the list: [name, state, layers, doubt]."""
    return [entry.name, entry.state, entry.layers, round(entry.doubt, 3)]


def damage_of(project: Project) -> tuple[str, ...]:
    """What is to be said of records that cannot be read: those pictures are not in the list."""
    told = [f"{name} is left out, as its record is damaged: {text}" for name, text in project.damaged.items()]
    return (*told[:MOST_TOLD], f"{len(told) - MOST_TOLD} more are damaged.") if len(told) > MOST_TOLD else tuple(told)


def _layer(layer: Layer, desk: Desk) -> dict[str, Any]:
    origin = layer.origin
    return {
        "id": layer.id,
        "expressions": list(layer.expressions),
        "category": layer.category,
        "colour": layer.colour,
        "hidden": layer.hidden,
        "absent": layer.absent,
        "changed": round(layer.changed, 6),
        "doubt": None if layer.doubt is None else round(layer.doubt, 3),
        "model": origin.model,
        "threshold": origin.threshold,
        "corrected": layer.model_mask is not None,
        "movable": desk.probability(layer.id) is not None and layer.model_mask is None,
    }
