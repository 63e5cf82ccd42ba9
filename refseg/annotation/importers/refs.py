"""Refs, as the RefCOCO family has them: expressions with the ids of the annotations that they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from refseg.annotation.importers.coco import Expressions, Instances
from refseg.annotation.importers.report import ImportReport
from refseg.annotation.importers.values import id_key
from refseg.annotation.layouts import NO_TARGET
from refseg.annotation.records import Id

MAX_EXPRESSIONS = 20_000_000  # a small file can name one list a million times


@dataclass(frozen=True)
class Ref:
    """Expressions that mean the same objects of an image.

    annotations: their ids; none if the expressions name nothing in the image.
    """

    where: str
    image: Id | None
    annotations: tuple[Id, ...]
    expressions: tuple[str, ...]
    split: str


def parse_refs(values: list[Any], file: str, report: ImportReport, empty_is_no_target: bool) -> list[Ref]:
    """Refs of a list of JSON objects; what cannot be used is skipped and counted.

    empty_is_no_target: whether an `ann_id` of -1, [-1] or [] says that nothing is meant, as in gRefCOCO; otherwise, and
    where it is missing, the ref has to say "no_target": true.
    """
    refs: list[Ref] = []
    read = 0
    for number, value in enumerate(values):
        where = f"{file}: refs[{number}]"
        if not isinstance(value, Mapping):
            report.skip("ref", "that is no JSON object", where)
            continue
        expressions = _expressions(value, where, report)
        read += len(expressions)
        if read > MAX_EXPRESSIONS:
            report.skip("ref", f"after the first {MAX_EXPRESSIONS:,} expressions", where, len(values) - number)
            break
        meant = _annotations(value.get("ann_id", value.get("ann_ids")))
        if not expressions:
            report.skip("ref", "without expressions", where)
        elif meant is None:
            report.skip("ref", "with an ann_id that is no id or list of ids", where)
        elif meant and value.get("no_target") is True:
            report.skip("ref", "that names objects and is marked as no-target", where)
        elif not meant and not (
            value.get("no_target") is True
            or (empty_is_no_target and value.get("ann_id", value.get("ann_ids")) is not None)
        ):
            report.skip("ref", "without an object", where)
        else:
            split = value.get("split")
            refs.append(
                Ref(where, id_key(value.get("image_id")), meant, expressions, split if isinstance(split, str) else "")
            )
    return refs


def expressions_of(refs: list[Ref], data: list[Instances], report: ImportReport) -> list[Expressions]:
    """What the refs say about each of several instance files. Refs that fit none of them are skipped and counted."""
    found = [Expressions() for _ in data]
    image_of = [
        {id_key(entry.get("id")): image for image, rows in one.annotations.items() for _, entry in rows} for one in data
    ]
    for ref in refs:
        reason = ""
        for one, owners, expressions in zip(data, image_of, found, strict=True):
            reason = _mismatch(ref, one, owners)
            if not reason:
                _add(ref, ref.image if ref.image is not None else owners[ref.annotations[0]], expressions, report)
                break
        if reason:
            report.skip("ref", reason, ref.where)
    return found


def _mismatch(ref: Ref, instances: Instances, image_of: Mapping[Id | None, Id]) -> str:
    """Why a ref is not about an instance file; "" if it is."""
    if ref.image is None and not ref.annotations:
        return "without an image"
    if ref.image is not None and ref.image not in instances.images:
        return "of an image that is not listed"
    images = [image_of.get(one) for one in ref.annotations]
    if None in images:
        return "of an object that is not listed"
    if len(set(images)) > 1 or (ref.image is not None and images and images[0] != ref.image):
        return "of objects in other images than its own"
    return ""


def _add(ref: Ref, image: Id, expressions: Expressions, report: ImportReport) -> None:
    for one in ref.annotations:
        expressions.of_object.setdefault(one, []).extend(ref.expressions)
    if not ref.annotations:
        expressions.no_target.setdefault(image, []).append(list(ref.expressions))
    if ref.split and expressions.splits.setdefault(image, ref.split) != ref.split:
        report.alter("ref", "of another split than those before it about its image, which has one split", ref.where)


def _annotations(value: Any) -> tuple[Id, ...] | None:
    """The ids of an `ann_id`: one, a list, or [-1] or null for none; None for what is neither."""
    known = [id_key(one) for one in (value if isinstance(value, list | tuple) else () if value is None else (value,))]
    if any(one is None for one in known):
        return None
    return tuple(dict.fromkeys(one for one in known if one is not None and one != NO_TARGET))


def _expressions(ref: Mapping[str, Any], where: str, report: ImportReport) -> tuple[str, ...]:
    """As they were typed where the file says so, otherwise as it cleaned them."""
    sentences = ref.get("sentences")
    texts: list[str] = []
    for one in sentences if isinstance(sentences, list | tuple) else (sentences,) if isinstance(sentences, str) else ():
        options = (
            (one,) if isinstance(one, str) else (one.get("raw"), one.get("sent")) if isinstance(one, Mapping) else ()
        )
        text = next((text for text in options if isinstance(text, str) and text.strip()), None)
        if text is None:
            report.skip("expression", "without text", where)
        else:
            texts.append(text)
    return tuple(texts)
