"""gRefCOCO: COCO instances, and expressions that mean one of them, several, or none.

images/NAME              the images
instances.json           COCO, with polygons: the G_REFER API of the data set's authors reads no run lengths
grefs(refseg).json       a list of refs whose `ann_id` is a list, [-1] for expressions that name nothing in their image
README.txt               how to load the folder with the G_REFER API
"""

from __future__ import annotations

from typing import Any

from refseg.annotation.export_output import write_json
from refseg.annotation.exporters.coco import CocoImage, CocoWriter, polygons_of_coco
from refseg.annotation.exporters.images import ImageWriter
from refseg.annotation.exporters.refcoco import SentenceNumbers
from refseg.annotation.exporters.session import ExportSession, expressions_of
from refseg.annotation.layouts import DEFAULT_SPLIT, NO_TARGET, REFCOCO_INSTANCES, REFS

README = """This folder is read by the G_REFER API of gRefCOCO. Name it "grefcoco"; its images are in "images":

    refer = G_REFER(data_root="PARENT FOLDER", dataset="grefcoco", splitBy="refseg")
    refer.IMAGE_DIR = "PARENT FOLDER/grefcoco/images"
"""


def export_grefcoco(session: ExportSession) -> None:
    """All images and all expressions, no-target ones too.

    A ref holds the expressions that mean the same objects of an image. An expression that is a no-target entry and also
    means an object means the object.
    """
    image_writer = ImageWriter(session, plain=True)
    writer = CocoWriter(session, polygons_of_coco)
    for record in session.records():
        writer.add(record, image_writer.put(record, "images/"))
    writer.number()
    numbers = SentenceNumbers()
    refs: list[dict[str, Any]] = []
    for entry in writer.entries:
        for targets, texts in _by_meaning(session, entry):
            sentences = numbers.sentences(texts)
            refs.append(
                {
                    "ref_id": len(refs) + 1,
                    "ann_id": [coco_annotation["id"] for coco_annotation in targets] or [NO_TARGET],
                    "image_id": entry.image["id"],
                    "category_id": [coco_annotation["category_id"] for coco_annotation in targets] or [NO_TARGET],
                    "file_name": entry.image["file_name"],
                    "split": entry.record.split or DEFAULT_SPLIT,
                    "no_target": not targets,
                    "sent_ids": [sentence["sent_id"] for sentence in sentences],
                    "sentences": sentences,
                }
            )
    write_json(session.output, REFCOCO_INSTANCES, writer.to_json())
    write_json(session.output, REFS, refs)
    session.output.write("README.txt", README.encode("utf-8"))


def _by_meaning(session: ExportSession, entry: CocoImage) -> list[tuple[list[dict[str, Any]], list[str]]]:
    """The annotations and the expressions of each ref of an image: one ref for each set of objects that some
    expressions mean, and one for each no-target entry."""
    meant: dict[str, list[int]] = {}
    for position, (annotation, _) in enumerate(entry.objects):
        for text in dict.fromkeys(expressions_of(annotation)):
            meant.setdefault(text, []).append(position)
    groups: dict[tuple[int, ...], list[str]] = {}
    for text, positions in meant.items():
        groups.setdefault(tuple(positions), []).append(text)
    refs = [([entry.objects[position][1] for position in positions], texts) for positions, texts in groups.items()]
    known = set(meant)
    for texts in session.no_target(entry.record):
        free = [text for text in dict.fromkeys(texts) if text not in known]
        if lost := len(texts) - len(free):
            session.report.lose(
                "no-target expression", "it also means an object of the image, or comes twice", entry.record.name, lost
            )
        known.update(free)
        if free:
            refs.append(([], free))
    return refs
