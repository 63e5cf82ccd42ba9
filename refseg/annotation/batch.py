"""Predicts the same expressions for many images, as one step that can be undone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from refseg.annotation.editor import Editor
from refseg.annotation.history import Step
from refseg.annotation.predictions import Predict
from refseg.annotation.records import AnnotatedImage
from refseg.errors import RefsegError
from refseg.images import load_image


@dataclass(frozen=True)
class BatchProgress:
    """Progress of a batch.

    done, total: numbers of images.  name: of the next image; "" at the end.  added: annotations so far.
    problems: "image: error" for each image that failed and is unchanged.
    """

    done: int
    total: int
    name: str
    added: int
    problems: tuple[str, ...] = ()


def predict_batch(
    editor: Editor, predict: Predict, names: Sequence[str], expressions: Sequence[str]
) -> Iterator[BatchProgress]:
    """Adds a prediction for each expression to each image that has no annotation with exactly this expression.

    Closing the iterator ends the batch; what it has added stays. The editor's lock is held only during each save. An
    image that a user changes between its save and the end of the batch is left out of the step.
    """
    wanted = list(dict.fromkeys(" ".join(text.split()) for text in expressions if text.strip()))
    changes: list[tuple[AnnotatedImage, AnnotatedImage]] = []
    problems: list[str] = []
    added = 0
    try:
        for number, name in enumerate(names):
            yield BatchProgress(number, len(names), name, added, tuple(problems))
            try:
                change = _predict_image(editor, predict, name, wanted)
            except RefsegError as error:
                problems.append(f"{name}: {error}")
                continue
            if change is not None:
                changes.append(change)
                added += len(change[1].annotations) - len(change[0].annotations)
        yield BatchProgress(len(names), len(names), "", added, tuple(problems))
    finally:
        if changes:
            with editor.lock:
                # Later edits of these images are in the history already, below this step.
                unchanged = tuple(change for change in changes if editor.history.is_unchanged(change[1]))
                if unchanged:
                    editor.history.add(Step(unchanged))


def _predict_image(
    editor: Editor, predict: Predict, name: str, wanted: Sequence[str]
) -> tuple[AnnotatedImage, AnnotatedImage] | None:
    """The image before and after; None if nothing is missing. A function, so that the pixels are freed
    between images.
    """
    record = editor.project.record(name)
    known = {text for annotation in record.annotations for text in annotation.expressions}
    missing = [text for text in wanted if text not in known]
    if not missing:
        return None
    predictions = predict(load_image(editor.project.image_path(record)), missing)
    with editor.lock:
        return editor.add_predictions(name, missing, predictions)
