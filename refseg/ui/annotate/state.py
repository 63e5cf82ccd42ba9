"""What the annotation tab's script receives: the editing session as JSON, with masks reduced for the screen."""

from typing import Any

from refseg.annotation.desk import Desk
from refseg.annotation.records import Layer
from refseg.annotation.store import Entry, Project
from refseg.data.masks import decode_rle
from refseg.errors import DataError, RefsegError
from refseg.image_encoding import gray_uri, jpeg_uri, reduced_image, reduced_map, view_size

MAX_REPORTED = 5  # damaged records that are named


class EditorState:
    """Describes a session to its script. Sends the image only when it is opened, and a mask only when it changes."""

    def __init__(self) -> None:
        self._image = ""
        self._masks: dict[str, Any] = {}

    def reset(self) -> None:
        """The script was reloaded: send everything again."""
        self._image, self._masks = "", {}

    def describe(self, editor: Desk) -> dict[str, Any]:
        """The session. An image that cannot be shown has "problem", a sentence, instead of "uri"."""
        iou, count = editor.agreement
        state: dict[str, Any] = {
            "undo_steps": editor.history.undoable,
            "redo_steps": editor.history.redoable,
            "agreement": {"iou": round(iou, 4), "count": count},
            "notes": list(editor.notes),
            "image": None,
        }
        if editor.here is None:
            self.reset()
            return state
        state["image"] = self._describe_image(editor)
        state["objects"] = [_object_json(layer, editor) for layer in editor.record.layers]
        state["masks"], problems = self._changed_masks(editor.record.layers)
        state["notes"] += problems
        return state

    def _describe_image(self, editor: Desk) -> dict[str, Any]:
        record = editor.record
        height, width = view_size(record.height, record.width)
        image: dict[str, Any] = {
            "name": record.name,
            "height": record.height,
            "width": record.width,
            "view": [width, height],
            "state": record.state,
            "split": record.split,
            "uncertainty": round(record.doubt, 3),
        }
        if self._image != record.name:
            self.reset()
            try:
                image["uri"] = jpeg_uri(reduced_image(editor.image))
                self._image = record.name
            except RefsegError as error:  # sent with every answer, as long as the problem lasts
                image["problem"] = str(error)
        return image

    def _changed_masks(self, layers: tuple[Layer, ...]) -> tuple[dict[str, str | None], list[str]]:
        """Masks that the script does not have, as gray PNGs of the view's size, and problems with damaged ones."""
        changed: dict[str, str | None] = {}
        problems = []
        for number, layer in enumerate(layers, start=1):
            if layer.id not in self._masks or self._masks[layer.id] is not layer.mask:
                changed[layer.id] = None
                try:
                    if layer.mask is not None:
                        changed[layer.id] = gray_uri(reduced_map(decode_rle(layer.mask)))
                except DataError as error:
                    problems.append(
                        f"The mask of object {number} is damaged and not shown ({error})."
                        " Delete the object, or restore the image's record from a backup."
                    )
        self._masks = {layer.id: layer.mask for layer in layers}
        return changed, problems


def entries_json(entries: list[Entry]) -> list[dict[str, Any]]:
    """The image list."""
    return [entry_json(entry) for entry in entries]


def entry_json(entry: Entry) -> dict[str, Any]:
    """One image of the list."""
    return {"name": entry.name, "state": entry.state, "objects": entry.layers, "uncertainty": round(entry.doubt, 3)}


def damage_notes(project: Project) -> tuple[str, ...]:
    """Notes about records that cannot be read. Their images are not listed."""
    notes = [f"{name} is not listed because its record is damaged: {text}" for name, text in project.damaged.items()]
    if len(notes) <= MAX_REPORTED:
        return tuple(notes)
    return (*notes[:MAX_REPORTED], f"{len(notes) - MAX_REPORTED} more records are damaged.")


def _object_json(layer: Layer, editor: Desk) -> dict[str, Any]:
    return {
        "id": layer.id,
        "expressions": list(layer.expressions),
        "category": layer.category,
        "color": layer.colour,
        "hidden": layer.hidden,
        "no_target": layer.absent,
        "changed": round(layer.changed, 6),
        "uncertainty": None if layer.doubt is None else round(layer.doubt, 3),
        "model": layer.origin.model,
        "threshold": layer.origin.threshold,
        "corrected": layer.model_mask is not None,
        "adjustable": editor.probability(layer.id) is not None and layer.model_mask is None,
    }
