"""gRefCOCO: COCO instances, and sentences that mean one of them, several, or none.

Written and read are instances.json (COCO), images/ and grefs(NAME).json, a list of refs whose `ann_id` is a list, [-1] for what is not in the picture.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from refseg.annotation.exporters.coco import Numbered, coco_of
from refseg.annotation.exporters.images import said
from refseg.annotation.exporters.refcoco import sentence
from refseg.annotation.layouts import DEFAULT_SPLIT, NO_TARGET, REFS
from refseg.annotation.progress import Progress, silent
from refseg.annotation.sinks import Sink, write_json
from refseg.annotation.store import Project


def export_grefcoco(project: Project, sink: Sink, progress: Progress = silent) -> int:
    """All pictures and all sentences, those about what is absent with them; returns the number of masks.

    A ref holds the sentences that mean the same things of a picture; one that means several of them comes once.
    """
    values, numbered = coco_of(project, sink, progress)
    refs: list[dict[str, Any]] = []
    last = 0
    for _, group in groupby(numbered, key=lambda one: one.image_id):
        for things, texts in _by_meaning(list(group)):
            sentences = [sentence(number, text) for number, text in enumerate(texts, start=last + 1)]
            last += len(sentences)
            there = [one.annotation for one in things if one.annotation is not None]
            refs.append(
                {
                    "ref_id": len(refs) + 1,
                    "ann_id": [annotation["id"] for annotation in there] or [NO_TARGET],
                    "image_id": things[0].image_id,
                    "category_id": [annotation["category_id"] for annotation in there] or [NO_TARGET],
                    "file_name": things[0].file_name,
                    "split": things[0].record.split or DEFAULT_SPLIT,
                    "no_target": not there,
                    "sent_ids": [entry["sent_id"] for entry in sentences],
                    "sentences": sentences,
                }
            )
    write_json(sink, "instances.json", values)
    write_json(sink, REFS, refs)
    return len(values["annotations"])


def _by_meaning(numbered: list[Numbered]) -> Iterable[tuple[list[Numbered], list[str]]]:
    """The sentences of one picture, those together that mean the same things; things that are absent where nothing else is meant."""
    meant: dict[str, list[int]] = {}
    for position, one in enumerate(numbered):
        for text in said(one.layer):
            meant.setdefault(text, []).append(position)
    groups: dict[tuple[int, ...], list[str]] = {}
    for text, positions in meant.items():
        groups.setdefault(tuple(positions), []).append(text)
    return [([numbered[position] for position in positions], texts) for positions, texts in groups.items()]
