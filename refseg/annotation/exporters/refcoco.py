"""RefCOCO: COCO instances and the sentences about them.

Written are instances.json (COCO) and expressions.json (a list of refs, which this project reads), and for the REFER API of the data set's authors the
same refs under their own name: refs(refseg).p, a pickle of plain lists, dictionaries, numbers and texts. It is written and never read.
"""

from __future__ import annotations

import pickle  # for writing alone
from collections.abc import Iterable
from typing import Any

from refseg.annotation.exporters.coco import Numbered, coco_of
from refseg.annotation.exporters.images import said
from refseg.annotation.layouts import DEFAULT_SPLIT
from refseg.annotation.progress import Progress, silent
from refseg.annotation.sinks import Sink, write_json
from refseg.annotation.store import Project
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
