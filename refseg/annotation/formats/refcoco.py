"""RefCOCO: COCO instances and the sentences about them.

Written are instances.json (COCO) and expressions.json (a list of refs, which this project reads), and for the REFER API of the data set's authors the
same refs under their own name: refs(refseg).p, a pickle of plain lists, dictionaries, numbers and texts. It is written and never read.
"""

from __future__ import annotations

import pickle  # for writing alone
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from refseg.annotation.formats.coco import Numbered, coco_of, take_picture
from refseg.annotation.formats.pictures import DEFAULT_SPLIT, said
from refseg.annotation.progress import Progress, followed, silent
from refseg.annotation.sinks import Sink, write_json
from refseg.annotation.store import Project
from refseg.data.refcoco import read_refcoco
from refseg.language import words_of

PROTOCOL = 2  # of the pickle: the REFER API is old


def export_refcoco(project: Project, sink: Sink, progress: Progress = silent) -> int:
    """Every thing that has a mask and a sentence; returns how many. What is absent does not fit the format and is left out."""
    values, numbered = coco_of(project, sink, progress)
    refs = _refs(numbered)
    for image in values["images"]:
        image["split"] = image["split"] or DEFAULT_SPLIT
    write_json(sink, "instances.json", values)
    write_json(sink, "expressions.json", refs)
    sink.write("refs(refseg).p", pickle.dumps(refs, protocol=PROTOCOL))
    return len(refs)


def import_refcoco(root: Path, project: Project, progress: Progress = silent) -> int:
    """ROOT/instances.json, ROOT/expressions.json and ROOT/images/; returns the number of masks.

    Sentences are taken as they were typed; those of refs with "no_target" make layers that are absent.
    """
    dataset = read_refcoco(root)
    count = 0
    for image in followed(dataset.images, progress):
        meant: dict[int, list[str]] = {}
        for referent in dataset.referents_of(image):
            meant.setdefault(referent.instance.id, []).extend(referent.typed)
        absent = [absence.sentences for absence in dataset.absences_of(image)]
        count += take_picture(project, dataset, image, meant, absent)
    return count


def sentence(number: int, text: str) -> dict[str, Any]:
    """A sentence as RefCOCO writes it: `raw` as it was typed, `sent` and `tokens` in lower case without punctuation."""
    tokens = words_of(text)
    return {"sent_id": number, "sent": " ".join(tokens) or text, "raw": text, "tokens": tokens}


def _refs(numbered: Iterable[Numbered]) -> list[dict[str, Any]]:
    refs: list[dict[str, Any]] = []
    last = 0
    for one in numbered:
        if one.annotation is None or not said(one.layer):
            continue
        sentences = [sentence(number, text) for number, text in enumerate(said(one.layer), start=last + 1)]
        last += len(sentences)
        refs.append(
            {
                "ref_id": len(refs) + 1,
                "ann_id": one.annotation["id"],
                "image_id": one.image_id,
                "category_id": one.annotation["category_id"],
                "file_name": one.file_name,
                "split": one.record.split or DEFAULT_SPLIT,
                "sent_ids": [entry["sent_id"] for entry in sentences],
                "sentences": sentences,
            }
        )
    return refs
