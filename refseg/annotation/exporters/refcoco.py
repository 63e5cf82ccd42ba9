"""RefCOCO: COCO instances and the expressions about them.

    images/NAME              the images
    instances.json           COCO, with polygons: the REFER API of the data set's authors reads no run lengths
    expressions.json         a list of refs, which `refseg evaluate` reads
    refs(refseg).p           the same refs for the REFER API: a pickle of plain lists, dictionaries, numbers and texts
    README.txt               how to load the folder with the REFER API

A folder of the name "refcoco" is what `REFER(PARENT, dataset="refcoco", splitBy="refseg")` loads.
"""

from __future__ import annotations

import pickle  # for writing alone
from collections import Counter
from collections.abc import Sequence
from typing import Any

from refseg.annotation.export_output import write_json
from refseg.annotation.exporters.coco import CocoWriter, polygons_of_coco
from refseg.annotation.exporters.images import ImageWriter
from refseg.annotation.exporters.session import ExportSession, expressions_of
from refseg.annotation.layouts import DEFAULT_SPLIT, REFCOCO_EXPRESSIONS, REFCOCO_INSTANCES, REFCOCO_PICKLE
from refseg.language import words_of

PROTOCOL = 2  # of the pickle: the REFER API is old
README = """This folder is read by the REFER API of RefCOCO. Name it "refcoco"; its images are in "images":

    refer = REFER(data_root="PARENT FOLDER", dataset="refcoco", splitBy="refseg")
    refer.IMAGE_DIR = "PARENT FOLDER/refcoco/images"
"""


def export_refcoco(session: ExportSession) -> None:
    """All images and objects; refs for the objects that have expressions. No-target entries do not fit the format."""
    image_writer = ImageWriter(session, plain=True)
    writer = CocoWriter(session, polygons_of_coco)
    for record in session.records():
        writer.add(record, image_writer.put(record, "images/"))
        session.lose_no_target(record)
    writer.number()
    refs = _refs(session, writer)
    for entry in writer.entries:
        entry.image["split"] = entry.record.split or DEFAULT_SPLIT
    write_json(session.output, REFCOCO_INSTANCES, writer.to_json())
    write_json(session.output, REFCOCO_EXPRESSIONS, refs)
    session.output.write(REFCOCO_PICKLE, pickle.dumps(refs, protocol=PROTOCOL))
    session.output.write("README.txt", README.encode("utf-8"))


class SentenceNumbers:
    """Numbers expressions from 1 through a whole data set."""

    def __init__(self) -> None:
        self._last = 0

    def sentences(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Expressions as RefCOCO writes them: `raw` as it was typed, `sent` and `tokens` in lower case without
        punctuation."""
        entries = []
        for text in texts:
            self._last += 1
            tokens = words_of(text)
            entries.append({"sent_id": self._last, "sent": " ".join(tokens) or text, "raw": text, "tokens": tokens})
        return entries


def _refs(session: ExportSession, writer: CocoWriter) -> list[dict[str, Any]]:
    refs: list[dict[str, Any]] = []
    numbers = SentenceNumbers()
    for entry in writer.entries:
        meant = Counter(text for annotation, _ in entry.objects for text in set(expressions_of(annotation)))
        for text in [text for text, count in meant.items() if count > 1]:
            session.report.alter(
                "expression",
                "means several objects; written once for each, as if it meant it alone",
                f"{entry.record.name}: {text}",
            )
        for annotation, coco_annotation in entry.objects:
            if not expressions_of(annotation):
                continue
            sentences = numbers.sentences(expressions_of(annotation))
            refs.append(
                {
                    "ref_id": len(refs) + 1,
                    "ann_id": coco_annotation["id"],
                    "image_id": coco_annotation["image_id"],
                    "category_id": coco_annotation["category_id"],
                    "file_name": entry.image["file_name"],
                    "split": entry.record.split or DEFAULT_SPLIT,
                    "sent_ids": [sentence["sent_id"] for sentence in sentences],
                    "sentences": sentences,
                }
            )
    return refs
