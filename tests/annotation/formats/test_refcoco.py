"""RefCOCO and gRefCOCO as this project and their authors' interfaces read them."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

from refseg.annotation.exporters import export_to
from refseg.annotation.importers import import_from
from refseg.annotation.records import Layer
from refseg.annotation.store import Project
from refseg.data.refcoco import read_refcoco

GREFS = "grefs(refseg).json"


def test_refcoco_is_read_by_our_own_protocol_and_as_the_refer_api_does(project: Project, tmp_path: Path) -> None:
    export_to("refcoco", project, tmp_path / "out")
    dataset = read_refcoco(tmp_path / "out", "val")
    assert len(dataset.images) == 1 and [len(referent.sentences) for referent in dataset.referents] == [2] * 5
    assert dataset.referents[0].sentences == ("thing 0", "grösstes ding 0")
    refs = pickle.loads((tmp_path / "out" / "refs(refseg).p").read_bytes())  # noqa: S301  written a moment ago
    assert refs == json.loads((tmp_path / "out" / "expressions.json").read_text(encoding="utf-8"))
    numbers = [sentence["sent_id"] for ref in refs for sentence in ref["sentences"]]
    assert numbers == list(range(1, 21)) and all(ref["sent_ids"] == [s["sent_id"] for s in ref["sentences"]] for ref in refs)
    annotations = {a["id"]: a for a in json.loads((tmp_path / "out" / "instances.json").read_text(encoding="utf-8"))["annotations"]}
    assert all(annotations[ref["ann_id"]]["image_id"] == ref["image_id"] for ref in refs)


def test_blank_and_wordless_expressions(project: Project, tmp_path: Path) -> None:
    record = project.record("dog.png")
    project.save(replace(record, layers=(replace(record.layers[0], expressions=(" ", "😀")),)))
    for name in ("refcoco", "grefcoco"):
        export_to(name, project, tmp_path / name)
        again = Project.create(tmp_path / f"{name} again")
        import_from(name, tmp_path / name, again)
        assert again.record("dog.png").layers[0].expressions == ("😀",)


def test_sentences_about_what_is_not_there_come_in(project: Project, tmp_path: Path) -> None:
    export_to("refcoco", project, tmp_path / "out")
    file = tmp_path / "out" / "expressions.json"
    refs = json.loads(file.read_text(encoding="utf-8"))
    image = refs[0]["image_id"]
    for number, texts in enumerate((["an elephant", "the grey elephant"], ["a sofa"])):
        sentences = [{"sent": text} for text in texts]
        refs.append({"ref_id": 900 + number, "ann_id": -1, "image_id": image, "no_target": True, "split": "val", "sentences": sentences})
    file.write_text(json.dumps(refs), encoding="utf-8")
    again = Project.create(tmp_path / "again")
    import_from("refcoco", tmp_path / "out", again)
    absent = [layer.expressions for entry in again.entries for layer in again.record(entry.name).layers if layer.absent]
    assert absent == [("an elephant", "the grey elephant"), ("a sofa",)]


def test_grefcoco_knows_several_targets_and_none(project: Project, tmp_path: Path) -> None:
    record = project.record("dog.png")
    for id_ in ("0", "2"):
        record = record.with_layer(replace(record.layer(id_), expressions=("both things",)))
    record = record.with_layer(Layer("more", ("thing 1", "the elephant", "a whale"), absent=True))
    project.save(record)
    export_to("grefcoco", project, tmp_path / "out")
    refs = json.loads((tmp_path / "out" / GREFS).read_text(encoding="utf-8"))
    by_text = {sentence["raw"]: ref for ref in refs if ref["image_id"] == 1 for sentence in ref["sentences"]}
    assert by_text["both things"]["ann_id"] == [1, 3] and not by_text["both things"]["no_target"]
    assert by_text["the elephant"]["ann_id"] == [-1] and by_text["the elephant"]["no_target"]
    assert by_text["thing 1"]["ann_id"] == [2]  # somebody calls it absent, and there it is
    numbers = [number for ref in refs for number in ref["sent_ids"]]
    assert numbers == list(range(1, len(numbers) + 1))

    again = Project.create(tmp_path / "again")
    import_from("grefcoco", tmp_path / "out", again)
    layers = again.record("dog.png").layers
    assert [layer.expressions for layer in layers[:3]] == [("both things",), ("thing 1", "größtes Ding, 1"), ("both things",)]
    assert [layer.expressions for layer in layers if layer.absent] == [("the elephant",), ("Dumbo",), ("a whale",)]
    assert len({layer.id for layer in layers}) == len(layers)
