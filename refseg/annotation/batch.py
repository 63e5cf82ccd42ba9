"""The same expressions for many pictures, one picture after the other, as one step that can be undone."""

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
    """How far a batch is. added: annotations so far.  problems: "picture: what was wrong with it", of those that were left as they are."""

    done: int
    total: int
    name: str
    added: int
    problems: tuple[str, ...] = ()


def predict_batch(editor: Editor, predict: Predict, names: Sequence[str], expressions: Sequence[str]) -> Iterator[BatchProgress]:
    """Asks the model for each expression in each picture; a picture that has a annotation with that very sentence is not asked again.

    What has been found stays when the iterator is closed before its end. The editor's turn is taken for the moment of each saving only; a picture that is
    worked on between that and the end stays out of the step.
    """
    wanted = list(dict.fromkeys(" ".join(text.split()) for text in expressions if text.strip()))
    changes: list[tuple[AnnotatedImage, AnnotatedImage]] = []
    problems: list[str] = []
    added = 0
    try:
        for number, name in enumerate(names):
            yield BatchProgress(number, len(names), name, added, tuple(problems))
            try:
                change = _find_in(editor, predict, name, wanted)
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
                # What a person has done meanwhile is in the history already and lies above this.
                lasting = tuple(change for change in changes if editor.history.stands(change[1]))
                if lasting:
                    editor.history.add(Step(lasting))


def _find_in(editor: Editor, predict: Predict, name: str, wanted: Sequence[str]) -> tuple[AnnotatedImage, AnnotatedImage] | None:
    """The picture before and after; None where nothing is missing. In a function, so that nothing large is held while the batch waits to go on."""
    record = editor.project.record(name)
    said = {text for annotation in record.annotations for text in annotation.expressions}
    missing = [text for text in wanted if text not in said]
    if not missing:
        return None
    predictions = predict(load_image(editor.project.image_path(record)), missing)
    with editor.lock:
        return editor.add_predictions(name, missing, predictions)
