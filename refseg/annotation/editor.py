"""A person's place at a project: one picture before them, the things they do to it, and the way back. Every change is on disk when a method returns."""

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
from refseg.annotation.records import STATES, AnnotatedImage, Annotation, State, checked, now
from refseg.data.masks import BoolMask, decode_rle, encode_rle
from refseg.errors import ConflictError, ProjectError
from refseg.images import load_image
from refseg.overlap import iou

KEPT_BYTES = 128_000_000  # of the probability maps of the picture at hand; the last one is kept whatever its size

Refine = Callable[[NDArray[np.uint8], NDArray[np.float32], float], BoolMask]
"""(image, probability, threshold) -> mask: refinement by the picture's edges, where there is one."""


class Editor:
    """One picture at a time, several annotations on it, a history, and the list of pictures to go through.

    lock: to be held by who calls, where several threads do; nothing here takes it.
    """

    def __init__(self, project: Project, predict: Predict | None = None, refine: Refine | None = None, author: str = "") -> None:
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
        """The picture at hand. Raises ProjectError while there is none."""
        if self._record is None:
            raise ProjectError("no picture is open: choose one from the list")
        return self._record

    @property
    def image_name(self) -> str | None:
        """The name of the picture at hand, None while there is none."""
        return None if self._record is None else self._record.name

    @property
    def image(self) -> NDArray[np.uint8]:
        """Its pixels, uint8 (H, W, 3). Raises ImageError where the file is gone or not the one that was added."""
        if self._image is None:
            image = load_image(self.project.image_path(self.record))
            expected = self.record.height, self.record.width
            if image.shape[:2] != expected:
                raise ProjectError(
                    f"{self.record.name} has {image.shape[1]} x {image.shape[0]} pixels now, expected {expected[1]} x {expected[0]}:"
                    " put the old picture back, its masks belong to it"
                )
            self._image = image
        return self._image

    @property
    def agreement(self) -> tuple[float, int]:
        """Mean IoU between what the model drew and what the person left, over the masks judged at this editor, and how many these are."""
        values = list(self._agreement.values())
        return (float(np.mean(values)) if values else 0.0), len(values)

    def probability(self, id_: str) -> NDArray[np.float32] | None:
        """The model's map (H, W) of a annotation, as long as it is at hand."""
        prediction = self._predictions.get(id_)
        return None if prediction is None else prediction.probability

    def release_memory(self) -> None:
        """Let go of what is large; it is read again when it is needed. The model's maps are not: a threshold then needs another run."""
        self._image, self._predictions = None, {}

    # --- which picture

    def open(self, name: str) -> None:
        """Take a picture from the list, as it is on disk now."""
        self._take(self.project.record(name))

    def open_relative(self, by: int) -> None:
        """To the picture `by` places further in the list; the ends are ends. Raises ProjectError when the list is empty."""
        names, place = self._placed()
        if not names:
            raise ProjectError("there is no picture in this list: add some, or choose other states")
        self.open(names[min(max(place + by, 0), len(names) - 1)])

    # --- the model

    def predict(self, expression: str, threshold: float | None = None) -> Annotation:
        """Ask the model; its answer is a annotation of its own, whatever is there already. Raises RefsegError for an unusable expression."""
        if self._predict is None:
            raise ProjectError("no model is at hand here: draw the mask, or open the project on a page that has one")
        text = " ".join(expression.split())
        (prediction,) = self._predict(self.image, [text])
        annotation = annotation_of(prediction, text, new_id(), least_used_color(self.record), self.author, threshold)
        self._save(self.record.with_prediction(annotation), prediction.notes)
        self._predictions[annotation.id] = prediction
        while len(self._predictions) > 1 and sum(one.probability.nbytes for one in self._predictions.values()) > KEPT_BYTES:
            self._predictions.pop(next(iter(self._predictions)))
        return annotation

    def set_threshold(self, id_: str, threshold: float) -> None:
        """Cut the model's map elsewhere, as long as nobody has corrected the mask. Raises ProjectError where that cannot be."""
        annotation, prediction = self.record.annotation(id_), self._predictions.get(id_)
        if prediction is None:
            raise ProjectError("the model's map of this mask is no longer at hand: run its expression again")
        if not 0 < threshold < 1:
            raise ProjectError(f"got the threshold {threshold}, expected a number between 0 and 1")
        mask = encode_rle(prediction.probability >= threshold)
        if annotation.model_mask is not None:
            raise ProjectError("this mask has been corrected: run its expression again to choose another threshold")
        self._replace(
            replace(
                annotation,
                mask=mask,
                no_target=False,
                origin=replace(annotation.origin, threshold=threshold, refinement=None),
                updated=now(),
            )
        )

    # --- the hand

    def brush(self, target: AnnotationRef, points: NDArray[np.floating], radius: float, add: bool) -> Annotation:
        """A stroke of the brush or the eraser. See `draw_stroke`."""
        return self._correct(target, lambda mask: draw_stroke(mask, points, radius, add))

    def click(self, target: AnnotationRef, positive: Sequence[Point], negative: Sequence[Point]) -> Annotation:
        """See `refine_with_clicks`."""
        probability = self.probability(target) if isinstance(target, str) else None
        return self._correct(target, lambda mask: refine_with_clicks(self.image, mask, positive, negative, probability))

    def box(self, target: AnnotationRef, box: Box) -> Annotation:
        """See `segment_box`."""
        return self._correct(target, lambda _: segment_box(self.image, box))

    def repair(self, id_: str, how: str) -> Annotation:
        """One of `REPAIRS`, or "edges": refinement by the picture's edges (CRF) started from the mask."""
        if how == "edges":
            refine = self._refine
            if refine is None:
                raise ProjectError("refinement by edges is not available here: use clicks or a box")
            return self._correct(id_, lambda mask: refine(self.image, _soft(mask), 0.5))
        if how not in REPAIRS:
            raise ProjectError(f"got the repair {how!r}, expected one of {', '.join(REPAIRS)} or edges")
        return self._correct(id_, REPAIRS[how])

    # --- what is said of it

    def update(self, target: AnnotationRef, **values: Any) -> Annotation:
        """Other expressions, category, color, hidden or no_target; an no_target thing loses its mask."""
        unknown = set(values) - {"expressions", "category", "color", "hidden", "no_target"}
        if unknown:
            raise ProjectError(f"got {sorted(unknown)}, expected expressions, category, color, hidden or absent")
        annotation = find_or_create(target, self.record, self.author)
        if values.get("no_target"):
            annotation = annotation.as_no_target()
        if values.get("category", annotation.category) != annotation.category:
            annotation = replace(annotation, category_id=None)  # it is that of the category before
        changed = checked(replace(annotation, **values, updated=now()), self.record)
        self._replace(changed, judged="no_target" in values)
        return changed

    def delete(self, id_: str) -> None:
        """A annotation goes away; `undo` brings it back."""
        self.record.annotation(id_)
        self._save(self.record.without_annotation(id_))

    def remove_image(self) -> None:
        """The picture at hand goes out of the project, its copy with it and for good; the one that follows it in the list takes its place.

        Raises ConflictError where somebody else has worked on it since it was last seen here.
        """
        record, (_, place) = self.record, self._placed()
        self.project.remove(record)
        self.history.forget(record.name)
        self.close()
        if left := self.image_list.names():
            self.open(left[min(max(place, 0), len(left) - 1)])

    def close(self) -> None:
        """No picture is at hand any more."""
        self._record, self._image, self._predictions, self.notes = None, None, {}, ()

    def set_state(self, state: str) -> None:
        """Accepted, skipped, or one of the other states. Raises ProjectError for what is none."""
        known = next((one for one in STATES if one == state), None)
        if known is None:
            raise ProjectError(f"got the state {state[:40]!r}, expected one of {', '.join(STATES)}")
        self._save(replace(self.record, state=known))
        if state == "accepted":
            self._judge(self.record.annotations)

    # --- the way back

    def undo(self) -> bool:
        """Takes the last step back, going to its picture; False where there is none. Raises what `History.undo` raises."""
        return self._show(self.history.undo())

    def redo(self) -> bool:
        """Does the step again that was taken back last; False where there is none."""
        return self._show(self.history.redo())

    def add_predictions(
        self, name: str, expressions: Sequence[str], predictions: Sequence[Prediction]
    ) -> tuple[AnnotatedImage, AnnotatedImage]:
        """Layers for expressions about any picture, as `find` adds them; returns the picture before and after, for one step over many pictures."""
        before = after = self.record if name == self.image_name else self.project.record(name)
        for text, prediction in zip(expressions, predictions, strict=True):
            after = after.with_prediction(annotation_of(prediction, text, new_id(), least_used_color(after), self.author))
        after = self._written(after)
        if name == self.image_name:
            self._record = after
        return before, after

    def _show(self, restored: Sequence[AnnotatedImage]) -> bool:
        if restored:
            self._take(restored[-1])
        return bool(restored)

    def _placed(self) -> tuple[list[str], int]:
        """The list, and where in it the picture at hand is; before its beginning where it is not in it."""
        here, names = self.image_name, self.image_list.names(self.image_name)
        return names, names.index(here) if here in names else -1

    def _take(self, record: AnnotatedImage) -> None:
        """Put a picture on the editor, as it is on disk."""
        if self.image_name != record.name:
            self._image, self._predictions = None, {}
        self._record, self.notes = record, ()

    def _written(self, record: AnnotatedImage) -> AnnotatedImage:
        """Saved. Where somebody else saved it meanwhile, its steps can no longer be taken back."""
        try:
            return self.project.save(record)
        except ConflictError:
            self.history.forget(record.name)
            raise

    def _correct(self, target: AnnotationRef, change: Callable[[BoolMask], BoolMask]) -> Annotation:
        annotation = find_or_create(target, self.record, self.author)
        before = annotation.decode_mask()
        mask = np.zeros((self.record.height, self.record.width), np.bool_) if before is None else before
        corrected = annotation.with_mask(change(mask))
        self._replace(corrected, judged=True)
        self._judge([corrected])
        return corrected

    def _replace(self, annotation: Annotation, judged: bool = False) -> None:
        """Save a changed annotation; a person who has judged it has corrected the picture."""
        state: State = "corrected" if judged else self.record.state
        self._save(replace(self.record.with_annotation(annotation), state=state))

    def _save(self, record: AnnotatedImage, notes: tuple[str, ...] = ()) -> None:
        before = self.record
        saved = self._written(record)
        self.history.add(Step(((before, saved),)))
        self._record, self.notes = saved, notes

    def _judge(self, annotations: Iterable[Annotation]) -> None:
        for annotation in annotations:
            drawn = annotation.predicted_mask()
            if drawn is not None and annotation.mask is not None:
                self._agreement[self.record.name, annotation.id] = iou(decode_rle(drawn), decode_rle(annotation.mask))


def _soft(mask: BoolMask) -> NDArray[np.float32]:
    """A mask as a probability that edges may still argue with."""
    return np.asarray(np.where(mask, 0.8, 0.2), dtype=np.float32)
