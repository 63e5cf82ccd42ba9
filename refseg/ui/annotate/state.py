"""What the annotation tab's script receives: the editing session as JSON, with masks reduced for the screen."""

from typing import Any

from refseg.annotation.editor import Editor
from refseg.annotation.image_index import ImageSummary
from refseg.annotation.project import Project
from refseg.annotation.records import Annotation
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

    def describe(self, editor: Editor) -> dict[str, Any]:
        """The session. An image that cannot be shown has "problem", a sentence, instead of "uri"."""
        iou, count = editor.agreement
        state: dict[str, Any] = {
            "undo_steps": editor.history.undoable,
            "redo_steps": editor.history.redoable,
            "agreement": {"iou": round(iou, 4), "count": count},
            "notes": list(editor.notes),
            "image": None,
        }
        if editor.image_name is None:
            self.reset()
            return state
        state["image"] = self._describe_image(editor)
        state["objects"] = [_object_json(annotation, editor) for annotation in editor.record.annotations]
        state["masks"], problems = self._changed_masks(editor.record.annotations)
        state["notes"] += problems
        return state

    def _describe_image(self, editor: Editor) -> dict[str, Any]:
        record = editor.record
        height, width = view_size(record.height, record.width)
        image: dict[str, Any] = {
            "name": record.name,
            "height": record.height,
            "width": record.width,
            "view": [width, height],
            "state": record.state,
            "split": record.split,
            "uncertainty": round(record.uncertainty, 3),
        }
        if self._image != record.name:
            self.reset()
            try:
                image["uri"] = jpeg_uri(reduced_image(editor.image))
                self._image = record.name
            except RefsegError as error:  # sent with every answer, as long as the problem lasts
                image["problem"] = str(error)
        return image

    def _changed_masks(self, annotations: tuple[Annotation, ...]) -> tuple[dict[str, str | None], list[str]]:
        """Masks that the script does not have, as gray PNGs of the view's size, and problems with damaged ones."""
        changed: dict[str, str | None] = {}
        problems = []
        for number, annotation in enumerate(annotations, start=1):
            if annotation.id not in self._masks or self._masks[annotation.id] is not annotation.mask:
                changed[annotation.id] = None
                try:
                    if annotation.mask is not None:
                        changed[annotation.id] = gray_uri(reduced_map(decode_rle(annotation.mask)))
                except DataError as error:
                    problems.append(
                        f"The mask of object {number} is damaged and not shown ({error})."
                        " Delete the object, or restore the image's record from a backup."
                    )
        self._masks = {annotation.id: annotation.mask for annotation in annotations}
        return changed, problems


def entries_json(entries: list[ImageSummary]) -> list[dict[str, Any]]:
    """The image list."""
    return [entry_json(entry) for entry in entries]


def entry_json(entry: ImageSummary) -> dict[str, Any]:
    """One image of the list."""
    return {
        "name": entry.name,
        "state": entry.state,
        "objects": entry.annotations,
        "uncertainty": round(entry.uncertainty, 3),
    }


def damage_notes(project: Project) -> tuple[str, ...]:
    """Notes about records that cannot be read. Their images are not listed."""
    notes = [f"{name} is not listed because its record is damaged: {text}" for name, text in project.damaged.items()]
    if len(notes) <= MAX_REPORTED:
        return tuple(notes)
    return (*notes[:MAX_REPORTED], f"{len(notes) - MAX_REPORTED} more records are damaged.")


def _object_json(annotation: Annotation, editor: Editor) -> dict[str, Any]:
    return {
        "id": annotation.id,
        "expressions": list(annotation.expressions),
        "category": annotation.category,
        "color": annotation.color,
        "hidden": annotation.hidden,
        "no_target": annotation.no_target,
        "changed": round(annotation.changed, 6),
        "uncertainty": None if annotation.uncertainty is None else round(annotation.uncertainty, 3),
        "model": annotation.origin.model,
        "threshold": annotation.origin.threshold,
        "corrected": annotation.model_mask is not None,
        "adjustable": editor.probability(annotation.id) is not None and annotation.model_mask is None,
    }
