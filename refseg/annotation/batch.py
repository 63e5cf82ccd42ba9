"""The same expressions for many pictures, one picture after the other, as one step that can be undone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from refseg.annotation.desk import Desk
from refseg.annotation.history import Step
from refseg.annotation.proposals import Propose
from refseg.annotation.records import PictureRecord
from refseg.errors import RefsegError
from refseg.images import load_image


@dataclass(frozen=True)
class Progress:
    """How far a batch is. added: layers so far.  problems: "picture: what was wrong with it", of those that were left as they are."""

    done: int
    total: int
    name: str
    added: int
    problems: tuple[str, ...] = ()


def find_everywhere(desk: Desk, propose: Propose, names: Sequence[str], expressions: Sequence[str]) -> Iterator[Progress]:
    """Asks the model for each expression in each picture; a picture that has a layer with that very sentence is not asked again.

    What has been found stays when the iterator is closed before its end. The desk's turn is taken for the moment of each saving only; a picture that is
    worked on between that and the end stays out of the step.
    """
    wanted = list(dict.fromkeys(" ".join(text.split()) for text in expressions if text.strip()))
    changes: list[tuple[PictureRecord, PictureRecord]] = []
    problems: list[str] = []
    added = 0
    try:
        for number, name in enumerate(names):
            yield Progress(number, len(names), name, added, tuple(problems))
            try:
                change = _find_in(desk, propose, name, wanted)
            except RefsegError as error:
                problems.append(f"{name}: {error}")
                continue
            if change is not None:
                changes.append(change)
                added += len(change[1].layers) - len(change[0].layers)
        yield Progress(len(names), len(names), "", added, tuple(problems))
    finally:
        if changes:
            with desk.turn:
                # What a person has done meanwhile is in the history already and lies above this.
                lasting = tuple(change for change in changes if desk.history.stands(change[1]))
                if lasting:
                    desk.history.add(Step(lasting))


def _find_in(desk: Desk, propose: Propose, name: str, wanted: Sequence[str]) -> tuple[PictureRecord, PictureRecord] | None:
    """The picture before and after; None where nothing is missing. In a function, so that nothing large is held while the batch waits to go on."""
    record = desk.project.record(name)
    said = {text for layer in record.layers for text in layer.expressions}
    missing = [text for text in wanted if text not in said]
    if not missing:
        return None
    proposals = propose(load_image(desk.project.picture_path(record)), missing)
    with desk.turn:
        return desk.take_proposals(name, missing, proposals)
