"""RefCOCO and gRefCOCO: COCO instances and the sentences about them.

Written are instances.json (COCO) and expressions.json (a list of refs, which this project reads), and for the tools of the data sets' authors the same
refs under their own names: refs(refseg).p, a pickle of plain lists, dictionaries, numbers and texts, for the REFER API, and grefs(refseg).json. Pickles are
written and never read.
"""

from __future__ import annotations

import pickle  # for writing alone
from dataclasses import replace
from pathlib import Path
from typing import Any

from refseg.annotation.formats.coco import Numbered, coco_of, take_picture
from refseg.annotation.records import Layer, now
from refseg.annotation.sinks import Sink, write_json
from refseg.annotation.store import Project
from refseg.data.refcoco import read_refcoco
from refseg.errors import ExpressionError
from refseg.language import words_of

NO_TARGET = -1  # in place of an annotation's id, as in gRefCOCO
PROTOCOL = 2  # of the pickle: the REFER API is old


def export_refcoco(project: Project, sink: Sink) -> int:
    """Every thing that has a mask and a sentence; returns how many. What is absent does not fit the format and is left out."""
    values, numbered = coco_of(project, sink)
    refs = _refs([one for one in numbered if one.annotation is not None], values)
    write_json(sink, "instances.json", values)
    write_json(sink, "expressions.json", refs)
    sink.write("refs(refseg).p", pickle.dumps(refs, protocol=PROTOCOL))
    return len(refs)


def export_grefcoco(project: Project, sink: Sink) -> int:
    """The same with lists of annotations, and with sentences about what is absent; sentences that mean several things of a picture come once for all."""
    values, numbered = coco_of(project, sink)
    refs: list[dict[str, Any]] = []
    for image_id in dict.fromkeys(one.image_id for one in numbered):
        meant: dict[str, list[Numbered]] = {}
        for one in numbered:
            if one.image_id == image_id:
                for text in one.layer.expressions:
                    meant.setdefault(text, []).append(one)
        for text, things in meant.items():
            there = [one.annotation for one in things if one.annotation is not None]
            refs.append(
                {
                    "ref_id": len(refs) + 1,
                    "ann_id": [annotation["id"] for annotation in there] or [NO_TARGET],
                    "image_id": image_id,
                    "category_id": [annotation["category_id"] for annotation in there] or [NO_TARGET],
                    "file_name": things[0].record.name,
                    "split": things[0].record.split or "train",
                    "no_target": not there,
                    "sent_ids": [len(refs) + 1],
                    "sentences": [_sentence(len(refs) + 1, text)],
                }
            )
    write_json(sink, "instances.json", values)
    write_json(sink, "grefs(refseg).json", refs)
    return len(refs)


def import_refcoco(root: Path, project: Project) -> int:
    """ROOT/instances.json, ROOT/expressions.json and ROOT/images/; returns the number of masks."""
    dataset = read_refcoco(root)
    count = 0
    for image in dataset.images:
        said: dict[str, list[str]] = {}
        for referent in dataset.referents_of(image):
            said.setdefault(str(referent.instance.id), []).extend(referent.sentences)
        record = take_picture(project, dataset, image.id)
        layers = tuple(replace(layer, expressions=tuple(dict.fromkeys(said.get(layer.id, ())))) for layer in record.layers)
        count += len(project.save(replace(record, layers=layers)).layers)
    return count


def absent_layer(id_: str, text: str) -> Layer:
    """Something that is said not to be in the picture."""
    return Layer(id_, (text,), absent=True, created=now())


def _refs(numbered: list[Numbered], values: dict[str, Any]) -> list[dict[str, Any]]:
    refs: list[dict[str, Any]] = []
    sentence = 0
    for one in numbered:
        if not one.layer.expressions or one.annotation is None:
            continue
        sentences = [_sentence(sentence + position, text) for position, text in enumerate(one.layer.expressions, start=1)]
        sentence += len(sentences)
        refs.append(
            {
                "ref_id": len(refs) + 1,
                "ann_id": one.annotation["id"],
                "image_id": one.image_id,
                "category_id": one.annotation["category_id"],
                "file_name": one.record.name,
                "split": one.record.split or "train",
                "sent_ids": [entry["sent_id"] for entry in sentences],
                "sentences": sentences,
            }
        )
    for image in values["images"]:
        image["split"] = image["split"] or "train"
    return refs


def _sentence(number: int, text: str) -> dict[str, Any]:
    try:
        tokens = words_of(text)
    except ExpressionError:
        tokens = []
    return {"sent_id": number, "sent": " ".join(tokens) or text, "raw": text, "tokens": tokens}
