"""RefCOCO: COCO instances and the expressions about them.

    images/NAME              the images
    instances.json           COCO, with polygons: the REFER API of the data set's authors reads no run lengths
    expressions.json         a list of refs, which `refseg evaluate` reads
    refs(refseg).p           the same refs as a pickle of plain lists, dictionaries, numbers and texts, for the REFER API
    README.txt               how to load the folder with the REFER API

A folder of the name "refcoco" is what `REFER(PARENT, dataset="refcoco", splitBy="refseg")` loads.
"""

from __future__ import annotations

import pickle  # for writing alone
from collections.abc import Iterable, Sequence
from typing import Any

from refseg.annotation.exporters.coco import CocoWriter, Numbered, polygons_of_coco
from refseg.annotation.exporters.images import Pictures
from refseg.annotation.exporters.session import ExportSession, said
from refseg.annotation.layouts import DEFAULT_SPLIT, REFCOCO_EXPRESSIONS, REFCOCO_INSTANCES, REFCOCO_PICKLE
from refseg.annotation.sinks import write_json
from refseg.language import words_of

PROTOCOL = 2  # of the pickle: the REFER API is old
README = """This folder is read by the REFER API of RefCOCO. Name it "refcoco"; its images are in "images":

    refer = REFER(data_root="PARENT FOLDER", dataset="refcoco", splitBy="refseg")
    refer.IMAGE_DIR = "PARENT FOLDER/refcoco/images"
"""


def export_refcoco(session: ExportSession) -> None:
    """All images and objects; refs for the objects that have expressions. No-target entries do not fit the format."""
    pictures = Pictures(session, plain=True)
    writer = CocoWriter(session.project.name, polygons_of_coco)
    refs: list[dict[str, Any]] = []
    sentences = SentenceNumbers()
    for record in session.records():
        name = pictures.put(record, "images/")
        numbered = writer.add(record, name, session.objects(record), [])
        refs += _refs(numbered, len(refs), name, record.split or DEFAULT_SPLIT, sentences)
        session.lose_no_target(record)
    values = writer.to_json()
    for image in values["images"]:
        image["split"] = image["split"] or DEFAULT_SPLIT
    write_json(session.sink, REFCOCO_INSTANCES, values)
    write_json(session.sink, REFCOCO_EXPRESSIONS, refs)
    session.sink.write(REFCOCO_PICKLE, pickle.dumps(refs, protocol=PROTOCOL))
    session.sink.write("README.txt", README.encode("utf-8"))


class SentenceNumbers:
    """Numbers expressions from 1 through a whole data set."""

    def __init__(self) -> None:
        self._last = 0

    def sentences(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Expressions as RefCOCO writes them: `raw` as it was typed, `sent` and `tokens` in lower case without punctuation."""
        entries = []
        for text in texts:
            self._last += 1
            tokens = words_of(text)
            entries.append({"sent_id": self._last, "sent": " ".join(tokens) or text, "raw": text, "tokens": tokens})
        return entries


def _refs(numbered: Iterable[Numbered], before: int, file_name: str, split: str, numbers: SentenceNumbers) -> list[dict[str, Any]]:
    """The refs of one image. before: how many refs other images have."""
    refs: list[dict[str, Any]] = []
    for layer, annotation in ((one.layer, one.annotation) for one in numbered):
        if not said(layer):
            continue
        sentences = numbers.sentences(said(layer))
        refs.append(
            {
                "ref_id": before + len(refs) + 1,
                "ann_id": annotation["id"],
                "image_id": annotation["image_id"],
                "category_id": annotation["category_id"],
                "file_name": file_name,
                "split": split,
                "sent_ids": [entry["sent_id"] for entry in sentences],
                "sentences": sentences,
            }
        )
    return refs
