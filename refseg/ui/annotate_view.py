"""What the annotation tab's script is told: a desk as JSON, with masks reduced for the screen."""

from typing import Any

from refseg.annotation.desk import Desk
from refseg.annotation.records import Layer
from refseg.annotation.store import Entry
from refseg.data.masks import decode_rle
from refseg.pictures import grey_uri, jpeg_uri, reduced_image, reduced_map, view_size


class View:
    """Tells each thing once: the picture when it is another one, a mask when it has changed."""

    def __init__(self) -> None:
        self._picture = ""
        self._masks: dict[str, Any] = {}

    def forget(self) -> None:
        """The script has lost what it was told (it was reloaded)."""
        self._picture, self._masks = "", {}

    def of(self, desk: Desk) -> dict[str, Any]:
        """The desk as it is. Raises what `Desk.image` raises for a picture that cannot be read."""
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
            self._masks = {}
            picture["uri"] = jpeg_uri(reduced_image(desk.image))
            self._picture = record.name
        shown["picture"] = picture
        shown["layers"] = [_layer(layer, desk) for layer in record.layers]
        shown["masks"] = self._changed(record.layers)
        return shown

    def _changed(self, layers: tuple[Layer, ...]) -> dict[str, str | None]:
        """Masks that the script does not have, as grey PNGs of the view's size."""
        fresh: dict[str, str | None] = {}
        for layer in layers:
            if layer.id not in self._masks or self._masks[layer.id] is not layer.mask:
                fresh[layer.id] = None if layer.mask is None else grey_uri(reduced_map(decode_rle(layer.mask)))
        self._masks = {layer.id: layer.mask for layer in layers}
        return fresh


def entries_of(entries: list[Entry]) -> list[list[Any]]:
    """The list: [name, state, layers, doubt] a picture."""
    return [[entry.name, entry.state, entry.layers, round(entry.doubt, 3)] for entry in entries]


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
