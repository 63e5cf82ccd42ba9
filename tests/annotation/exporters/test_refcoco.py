"""RefCOCO and gRefCOCO as this project and the data sets' own interfaces read them."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from refseg.annotation.exporters import export_to
from refseg.annotation.importers import import_from
from refseg.annotation.project import Project
from refseg.annotation.records import Annotation
from refseg.data.refcoco import read_refcoco
from tests.annotation.exporters.refer_api import GRefer, Refer
from tests.annotation.exporters.shapes import SHAPE, masks

GREFS = "grefs(refseg).json"


def test_refcoco_is_read_by_our_own_protocol(project: Project, tmp_path: Path) -> None:
    export_to("refcoco", project, tmp_path / "out")
    dataset = read_refcoco(tmp_path / "out", "val")
    assert len(dataset.images) == 1 and [len(referent.expressions) for referent in dataset.referents] == [2] * 5
    assert dataset.referents[0].expressions == ("thing 0", "grösstes ding 0")
    refs = pickle.loads((tmp_path / "out" / "refs(refseg).p").read_bytes())  # noqa: S301  written a moment ago
    assert refs == json.loads((tmp_path / "out" / "expressions.json").read_text(encoding="utf-8"))
    numbers = [sentence["sent_id"] for ref in refs for sentence in ref["sentences"]]
    assert numbers == list(range(1, 21)) and all(
        ref["sent_ids"] == [s["sent_id"] for s in ref["sentences"]] for ref in refs
    )


def test_the_refer_api_reads_every_mask(project: Project, tmp_path: Path) -> None:
    report = export_to("refcoco", project, tmp_path / "refcoco")
    refer = Refer(tmp_path, "refcoco", "refseg")
    assert len(refer.refs) == 10
    for number, ref in enumerate(refer.refs):
        np.testing.assert_array_equal(refer.mask_of(ref), masks()[number % 5])
        image = refer.images[ref["image_id"]]
        assert ref["split"] in ("train", "val") and (tmp_path / "refcoco" / "images" / image["file_name"]).is_file()
    assert report.lost["no-target entry", "the format has no place for it"].count == 2


def test_the_g_refer_api_reads_every_mask(project: Project, tmp_path: Path) -> None:
    record = project.record("dog.png")
    both = [replace(record.annotation(id_), expressions=("both things",)) for id_ in ("0", "2")]
    project.save(record.with_annotation(both[0]).with_annotation(both[1]))
    export_to("grefcoco", project, tmp_path / "grefcoco")
    refer = GRefer(tmp_path, "grefcoco", "refseg")
    found = {
        sentence["raw"]: refer.mask_of(ref)
        for ref in refer.refs
        if ref["image_id"] == 1
        for sentence in ref["sentences"]
    }
    np.testing.assert_array_equal(found["both things"], masks()[0] | masks()[2])
    np.testing.assert_array_equal(found["thing 1"], masks()[1])
    np.testing.assert_array_equal(found["Dumbo"], np.zeros(SHAPE))


def test_run_lengths_are_what_these_apis_cannot_read(project: Project, tmp_path: Path) -> None:
    """Why the export writes polygons."""
    export_to("refcoco", project, tmp_path / "refcoco")
    refer = Refer(tmp_path, "refcoco", "refseg")
    with pytest.raises(KeyError):
        refer.mask({**refer.annotations[1], "segmentation": {"size": [40, 60], "counts": "0"}})


@pytest.mark.parametrize("name", ["refcoco", "grefcoco"])
def test_ids_of_the_original_data_set(name: str, project: Project, tmp_path: Path) -> None:
    for number, entry in enumerate(project.summaries[:2]):
        record = project.record(entry.name)
        annotations = tuple(
            replace(annotation, original_id=100 * number + int(annotation.id), category_id=1)
            for annotation in record.annotations
            if not annotation.no_target
        )
        project.save(replace(record, annotations=annotations, original_id=7000 + number))
    export_to(name, project, tmp_path / name)
    refer = (Refer if name == "refcoco" else GRefer)(tmp_path, name, "refseg")
    assert set(refer.images) == {7000, 7001} and set(refer.annotations) == {*range(5), *range(100, 105)}
    assert {ref["image_id"] for ref in refer.refs} == {7000, 7001}


def test_an_expression_of_several_objects_is_reported_for_refcoco(project: Project, tmp_path: Path) -> None:
    record = project.record("dog.png")
    project.save(record.with_annotation(replace(record.annotations[1], expressions=("thing 0",))))
    report = export_to("refcoco", project, tmp_path / "out")
    [(key, tally)] = [(key, tally) for key, tally in report.altered.items() if key[0] == "expression"]
    assert "several objects" in key[1] and tally.examples == ["dog.png: thing 0"]


def test_blank_and_wordless_expressions(project: Project, tmp_path: Path) -> None:
    record = project.record("dog.png")
    project.save(replace(record, annotations=(replace(record.annotations[0], expressions=(" ", "😀")),)))
    for name in ("refcoco", "grefcoco"):
        export_to(name, project, tmp_path / name)
        again = Project.create(tmp_path / f"{name} again")
        import_from(name, tmp_path / name, again)
        assert again.record("dog.png").annotations[0].expressions == ("😀",)


def test_grefcoco_knows_several_targets_and_none(project: Project, tmp_path: Path) -> None:
    record = project.record("dog.png")
    for id_ in ("0", "2"):
        record = record.with_annotation(replace(record.annotation(id_), expressions=("both things",)))
    record = record.with_annotation(Annotation("more", ("thing 1", "the elephant", "a whale"), no_target=True))
    project.save(record)
    report = export_to("grefcoco", project, tmp_path / "out")
    refs = json.loads((tmp_path / "out" / GREFS).read_text(encoding="utf-8"))
    by_text = {sentence["raw"]: ref for ref in refs if ref["image_id"] == 1 for sentence in ref["sentences"]}
    assert by_text["both things"]["ann_id"] == [1, 3] and not by_text["both things"]["no_target"]
    assert by_text["the elephant"]["ann_id"] == [-1] and by_text["the elephant"]["no_target"]
    assert by_text["thing 1"]["ann_id"] == [2]  # a no-target entry has it, too, but the object is there
    [tally] = [tally for (noun, _), tally in report.lost.items() if noun == "no-target expression"]
    assert (tally.count, tally.examples) == (2, ["dog.png"])
    numbers = [number for ref in refs for number in ref["sent_ids"]]
    assert numbers == list(range(1, len(numbers) + 1))

    again = Project.create(tmp_path / "again")
    import_from("grefcoco", tmp_path / "out", again)
    annotations = again.record("dog.png").annotations
    assert [annotation.expressions for annotation in annotations[:3]] == [
        ("both things",),
        ("thing 1", "größtes Ding, 1"),
        ("both things",),
    ]
    assert [annotation.expressions for annotation in annotations if annotation.no_target] == [
        ("the elephant", "Dumbo"),
        ("a whale",),
    ]
    assert len({annotation.id for annotation in annotations}) == len(annotations)
