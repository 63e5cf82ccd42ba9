"""Editing of one project: the open image, its edits, undo. Every change is on disk when a method returns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refseg.annotation.annotation_ref import AnnotationRef, find_or_create, least_used_color, new_id
from refseg.annotation.edits import REPAIRS, draw_stroke
from refseg.annotation.history import History, Step
from refseg.annotation.image_list import ImageList
from refseg.annotation.interactive import Box, Point, refine_with_clicks, segment_box
from refseg.annotation.predictions import Predict, Prediction, annotation_of
from refseg.annotation.project import Project
from refseg.annotation.record_json import validate_annotation
from refseg.annotation.records import STATES, AnnotatedImage, Annotation, State, utc_now
from refseg.data.masks import BoolMask, decode_rle, encode_rle
from refseg.errors import ConflictError, ProjectError
from refseg.images import load_image
from refseg.mask_iou import iou

MAX_PROBABILITY_BYTES = 128_000_000  # of the open image's probability maps; the last one is kept whatever its size
FIELDS = ("expressions", "category", "color", "hidden", "no_target")  # that `Editor.update` changes

Refine = Callable[[NDArray[np.uint8], NDArray[np.float32], float], BoolMask]
"""(image, probability, threshold) -> mask: refinement by the edges of the image."""


class Editor:
    """An editing session: one open image at a time, the image list and the history.

    lock: callers that share an editor between threads hold it during each call; the editor does not acquire it.
    notes: sentences for the user about the last edit.
    """

    def __init__(
        self, project: Project, predict: Predict | None = None, refine: Refine | None = None, author: str = ""
    ) -> None:
        """predict: the model; None if there is none.  refine: None if it is not available."""
        self.project, self.author = project, author
        self.history, self.image_list = History(project), ImageList(project)
        self.lock = threading.RLock()
        self.notes: tuple[str, ...] = ()
        self._predict, self._refine = predict, refine
        self._record: AnnotatedImage | None = None
        self._image: NDArray[np.uint8] | None = None
        self._predictions: dict[str, Prediction] = {}
        self._agreement: dict[tuple[str, str], float] = {}

    @property
    def record(self) -> AnnotatedImage:
        """The open image. Raises ProjectError if none is open."""
        if self._record is None:
            raise ProjectError("No image is open. Choose one from the list.")
        return self._record

    @property
    def image_name(self) -> str | None:
        """The name of the open image; None if none is open."""
        return None if self._record is None else self._record.name

    @property
    def image(self) -> NDArray[np.uint8]:
        """Pixels of the open image, uint8 (H, W, 3). Raises ImageError if the file is missing, ProjectError if it has
        another size.
        """
        if self._image is None:
            image = load_image(self.project.image_path(self.record))
            expected = self.record.height, self.record.width
            if image.shape[:2] != expected:
                raise ProjectError(
                    f"{self.record.name} has {image.shape[1]} x {image.shape[0]} pixels now. Expected the {expected[1]}"
                    f" x {expected[0]} of its masks. Put the original image back."
                )
            self._image = image
        return self._image

    @property
    def agreement(self) -> tuple[float, int]:
        """Mean IoU between the model's masks and the corrected ones, and their number, in this session."""
        values = list(self._agreement.values())
        return (float(np.mean(values)) if values else 0.0), len(values)

    def probability(self, id_: str) -> NDArray[np.float32] | None:
        """The model's probability (H, W) for an annotation; None if it is no longer in memory."""
        prediction = self._predictions.get(id_)
        return None if prediction is None else prediction.probability

    def release_memory(self) -> None:
        """Frees the image and the probability maps. The image is read again when needed, the maps are not: changing a
        threshold then needs a new prediction."""
        self._image, self._predictions = None, {}

    # --- the open image

    def open(self, name: str) -> None:
        """Opens an image as it is on disk now."""
        self._show(self.project.record(name))

    def open_relative(self, offset: int) -> None:
        """Opens the image `offset` positions further in the list, at most the first or the last one.

        Raises ProjectError if the list is empty.
        """
        names, position = self._position()
        if not names:
            raise ProjectError("There is no image in this list. Add some, or choose other states.")
        self.open(names[min(max(position + offset, 0), len(names) - 1)])

    def close(self) -> None:
        """Closes the open image."""
        self._record, self._image, self._predictions, self.notes = None, None, {}, ()

    def remove_image(self) -> None:
        """Removes the open image and its copy from the project, and opens the next one. This cannot be undone.

        Raises ConflictError if another window has changed the image.
        """
        record, (_, position) = self.record, self._position()
        self.project.remove(record)
        self.history.forget(record.name)
        self.close()
        if names := self.image_list.names():
            self.open(names[min(max(position, 0), len(names) - 1)])

    def set_state(self, state: str) -> None:
        """Sets the state of the open image. Raises ProjectError for an unknown one."""
        known = next((one for one in STATES if one == state), None)
        if known is None:
            raise ProjectError(f"The state is {state[:40]!r}. Expected one of {', '.join(STATES)}. Choose one of them.")
        self._save(replace(self.record, state=known))
        if state == "accepted":
            self._measure_agreement(self.record.annotations)

    # --- the model

    def predict(self, expression: str, threshold: float | None = None) -> Annotation:
        """Runs the model and adds its prediction as a new annotation. Raises RefsegError for an invalid expression."""
        if self._predict is None:
            raise ProjectError(
                "There is no model. Prediction needs one. Draw the mask, or open the project with a model."
            )
        text = " ".join(expression.split())
        (prediction,) = self._predict(self.image, [text])
        annotation = annotation_of(prediction, text, new_id(), least_used_color(self.record), self.author, threshold)
        self._save(self.record.with_prediction(annotation), prediction.notes)
        self._predictions[annotation.id] = prediction
        while len(self._predictions) > 1 and self._probability_bytes() > MAX_PROBABILITY_BYTES:
            self._predictions.pop(next(iter(self._predictions)))
        return annotation

    def set_threshold(self, id_: str, threshold: float) -> None:
        """Applies another threshold to the model's probability. Raises ProjectError if it is not in memory, or if the
        mask was corrected.
        """
        annotation, prediction = self.record.annotation(id_), self._predictions.get(id_)
        if prediction is None:
            raise ProjectError("The probability map of this mask is no longer in memory. Segment its expression again.")
        if not 0 < threshold < 1:
            raise ProjectError(f"The threshold is {threshold}. Expected a number between 0 and 1. Choose another.")
        if annotation.model_mask is not None:
            raise ProjectError(
                "This mask has been corrected. The threshold applies only to a prediction. Segment its expression"
                " again."
            )
        self._replace(
            replace(
                annotation,
                mask=encode_rle(prediction.probability >= threshold),
                no_target=False,
                origin=replace(annotation.origin, threshold=threshold, refinement=None),
                updated=utc_now(),
            )
        )

    def add_predictions(
        self, name: str, expressions: Sequence[str], predictions: Sequence[Prediction]
    ) -> tuple[AnnotatedImage, AnnotatedImage]:
        """Adds predictions for any image, as `predict` does, but no step of the history. Returns the image before and
        after.
        """
        before = after = self.record if name == self.image_name else self.project.record(name)
        for text, prediction in zip(expressions, predictions, strict=True):
            after = after.with_prediction(
                annotation_of(prediction, text, new_id(), least_used_color(after), self.author)
            )
        after = self._write(after)
        if name == self.image_name:
            self._record = after
        return before, after

    # --- corrections

    def brush(self, ref: AnnotationRef, points: NDArray[np.floating], radius: float, add: bool) -> Annotation:
        """Draws or erases a stroke. See `draw_stroke`."""
        return self._correct(ref, lambda mask: draw_stroke(mask, points, radius, add))

    def click(self, ref: AnnotationRef, positive: Sequence[Point], negative: Sequence[Point]) -> Annotation:
        """Corrects a mask by clicks. See `refine_with_clicks`."""
        probability = self.probability(ref) if isinstance(ref, str) else None
        return self._correct(ref, lambda mask: refine_with_clicks(self.image, mask, positive, negative, probability))

    def box(self, ref: AnnotationRef, box: Box) -> Annotation:
        """Replaces a mask by the object in a box. See `segment_box`."""
        return self._correct(ref, lambda _: segment_box(self.image, box))

    def repair(self, id_: str, method: str) -> Annotation:
        """Repairs a mask by one of `REPAIRS`, or by "edges": refinement by the edges of the image (CRF)."""
        if method == "edges":
            refine = self._refine
            if refine is None:
                raise ProjectError("Refinement by edges is not installed. Use clicks or a box.")
            return self._correct(id_, lambda mask: refine(self.image, _mask_probability(mask), 0.5))
        if method not in REPAIRS:
            raise ProjectError(
                f"The repair is {method[:40]!r}. Expected one of {', '.join(REPAIRS)} or edges. Choose one of them."
            )
        return self._correct(id_, REPAIRS[method])

    def update(self, ref: AnnotationRef, **values: Any) -> Annotation:
        """Sets some of `FIELDS`. An annotation that becomes one without a target loses its mask."""
        if unknown := set(values) - set(FIELDS):
            raise ProjectError(
                f"The fields are {', '.join(sorted(unknown))}. Expected some of {', '.join(FIELDS)}. Use these."
            )
        annotation = find_or_create(ref, self.record, self.author)
        if values.get("no_target"):
            annotation = annotation.as_no_target()
        if values.get("category", annotation.category) != annotation.category:
            annotation = replace(annotation, category_id=None)  # the id is that of the old category
        changed = replace(annotation, **values, updated=utc_now())
        validate_annotation(changed, self.record)
        self._replace(changed, is_correction="no_target" in values)
        return changed

    def delete(self, id_: str) -> None:
        """Deletes an annotation."""
        self.record.annotation(id_)
        self._save(self.record.without_annotation(id_))

    # --- history

    def undo(self) -> bool:
        """Undoes the last step and opens its image. False if there is none. Raises what `History.undo` raises."""
        return self._show_last(self.history.undo())

    def redo(self) -> bool:
        """Redoes the step that was undone last and opens its image. False if there is none."""
        return self._show_last(self.history.redo())

    def _show_last(self, restored: Sequence[AnnotatedImage]) -> bool:
        if restored:
            self._show(restored[-1])
        return bool(restored)

    def _show(self, record: AnnotatedImage) -> None:
        if self.image_name != record.name:
            self.release_memory()
        self._record, self.notes = record, ()

    def _position(self) -> tuple[list[str], int]:
        """The image list and the open image's index in it; -1 if it is not listed."""
        name, names = self.image_name, self.image_list.names(self.image_name)
        return names, names.index(name) if name in names else -1

    def _correct(self, ref: AnnotationRef, change: Callable[[BoolMask], BoolMask]) -> Annotation:
        annotation = find_or_create(ref, self.record, self.author)
        before = annotation.decode_mask()
        mask = np.zeros((self.record.height, self.record.width), np.bool_) if before is None else before
        corrected = annotation.with_mask(change(mask))
        self._replace(corrected, is_correction=True)
        self._measure_agreement([corrected])
        return corrected

    def _replace(self, annotation: Annotation, is_correction: bool = False) -> None:
        state: State = "corrected" if is_correction else self.record.state
        self._save(replace(self.record.with_annotation(annotation), state=state))

    def _save(self, record: AnnotatedImage, notes: tuple[str, ...] = ()) -> None:
        before = self.record
        saved = self._write(record)
        self.history.add(Step(((before, saved),)))
        self._record, self.notes = saved, notes

    def _write(self, record: AnnotatedImage) -> AnnotatedImage:
        """Saves a record. After a conflict the image's steps cannot be undone any more."""
        try:
            return self.project.save(record)
        except ConflictError:
            self.history.forget(record.name)
            raise

    def _measure_agreement(self, annotations: Iterable[Annotation]) -> None:
        for annotation in annotations:
            predicted = annotation.predicted_mask()
            if predicted is not None and annotation.mask is not None:
                self._agreement[self.record.name, annotation.id] = iou(
                    decode_rle(predicted), decode_rle(annotation.mask)
                )

    def _probability_bytes(self) -> int:
        return sum(prediction.probability.nbytes for prediction in self._predictions.values())


def _mask_probability(mask: BoolMask) -> NDArray[np.float32]:
    """A mask as a probability (H, W) that leaves the refinement room for changes."""
    return np.asarray(np.where(mask, 0.8, 0.2), dtype=np.float32)
