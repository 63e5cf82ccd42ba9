"""RefCOCO and gRefCOCO as they are published and as this project writes them."""

import pickle
from pathlib import Path
from typing import Any

import pytest

from refseg.annotation.importers.refs import parse_refs
from refseg.annotation.importers.report import ImportReport
from refseg.errors import DataError
from tests.annotation.importers.coco_sets import (
    MUG,
    areas,
    coco,
    imported,
    reasons,
    records,
    ref,
    write_image,
    write_json,
)

NAME = "COCO_train2014_000000581857.jpg"


def published(root: Path, refs: dict[str, Any], images: str = "images/mscoco/images/train2014") -> Path:
    """The layout of the authors: refs name their image with the number of the annotation at the end. refs: file name ->
    list.
    """
    write_image(root / images / NAME)
    image = {"id": 581857, "file_name": NAME}
    rows = [coco(annotation={"id": number, "image_id": 581857})["annotations"][0] for number in (1719310, 1719311)]
    write_json(root / "instances.json", coco(image=image, annotations=rows))
    for name, values in refs.items():
        (root / name).write_bytes(pickle.dumps(values, protocol=2))
    return root


def published_ref(number: int, text: str, split: str = "train") -> dict[str, Any]:
    sentences = [{"tokens": text.split(), "raw": text, "sent_id": number, "sent": text.lower()}]
    name = NAME.replace(".jpg", f"_{number}.jpg")
    keys = {"image_id": 581857, "split": split, "file_name": name, "category_id": 1, "sent_ids": [number]}
    return {"ref_id": number, "ann_id": 1719310 + number, "sentences": sentences, **keys}


@pytest.mark.parametrize("images", ["images/mscoco/images/train2014", "images/train2014", "train2014", "images"])
def test_the_published_layout(images: str, tmp_path: Path) -> None:
    root = published(
        tmp_path / "refcoco", {"refs(unc).p": [published_ref(0, "The left mug"), published_ref(1, "right mug")]}, images
    )
    project, report = imported(None, root)
    record = records(project)[NAME]
    assert report.format == "refcoco" and record.split == "train"
    assert [(annotation.expressions, annotation.original_id) for annotation in record.annotations] == [
        (("The left mug",), 1719310),
        (("right mug",), 1719311),
    ]
    assert not reasons(report)


def test_one_of_several_refs_files_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    refs = {f"refs({name}).p": [published_ref(0, name)] for name in ("google", "umd", "unc", "other")}
    project, report = imported("refcoco", published(tmp_path / "refcoco", refs))
    assert records(project)[NAME].annotations[0].expressions == ("unc",)
    ((key, tally),) = report.skipped.items()
    assert key == ("file", "because the refs of refs(unc).p were read instead")
    assert sorted(tally.examples) == ["refs(google).p", "refs(other).p", "refs(umd).p"]


def test_pickles_of_python_2(tmp_path: Path) -> None:
    """Text of Python 2 has no encoding; long whole numbers and text of Unicode are their own types."""
    root = published(tmp_path / "refcoco", {})
    (root / "refs(unc).p").write_bytes(
        b"(lp0\n(dp1\nS'ann_id'\np2\nL1719310L\nsS'image_id'\np3\nI581857\nsS'ref_id'\nI0\nsS'split'\nS'val'\nsS'sentences'\n"
        b"(lp4\n(dp5\nS'sent'\nS'caf\\xc3\\xa9'\nsS'raw'\nVmug \\u00e9\nsa(dp6\nS'sent'\nS'cup \\xe9'\nsasa."
    )
    project, _ = imported(None, root)
    record = records(project)[NAME]
    # One byte of the third text is no UTF-8, so that all are Latin-1.
    assert record.split == "val" and record.annotations[0].expressions == ("mug é", "cup é")


def test_our_own_json_comes_before_our_pickle(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "images" / "a.jpg")
    write_json(root / "instances.json", coco())
    write_json(root / "expressions.json", [ref(sentences=["mug"]), ref(2, -1, ["a sofa"], no_target=True)])
    (root / "refs(refseg).p").write_bytes(pickle.dumps([]))
    project, report = imported(None, root)
    annotations = records(project)["a.jpg"].annotations
    assert [(annotation.expressions, annotation.no_target) for annotation in annotations] == [
        (("mug",), False),
        (("a sofa",), True),
    ]
    assert not reasons(report) and (report.expressions, report.no_target) == (2, 1)


def test_crowd_masks_keep_their_expressions(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "images" / "a.jpg")
    write_json(root / "instances.json", coco(annotation={"iscrowd": 1}))
    write_json(root / "expressions.json", [ref()])
    assert imported("refcoco", root)[1].expressions == 1


BAD_REFS: list[tuple[Any, str]] = [
    (5, "that is no JSON object"),
    (ref(2, sentences=[]), "without expressions"),
    ({**ref(2), "sentences": None}, "without expressions"),
    (ref(2, ann_id={"id": 1}), "with an ann_id that is no id or list of ids"),
    (ref(2, ann_id=99), "of an object that is not listed"),
    (ref(2, image_id=99), "of an image that is not listed"),
    (ref(2, ann_id=3), "of objects in other images than its own"),
    (ref(2, ann_id=1, no_target=True), "that names objects and is marked as no-target"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD_REFS)
@pytest.mark.parametrize("name", ["refcoco", "grefcoco"])
def test_refs_that_cannot_be_used_are_counted(name: str, bad: Any, reason: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    for image in ("a.jpg", "b.jpg"):
        write_image(root / "images" / image)
    values = coco()
    values["images"].append({"id": 2, "file_name": "b.jpg", "width": 120, "height": 80})
    values["annotations"].append({**values["annotations"][0], "id": 3, "image_id": 2})
    write_json(root / "instances.json", values)
    write_json(root / ("expressions.json" if name == "refcoco" else "grefs(unc).json"), [bad, ref()])
    project, report = imported(name, root)
    assert reasons(report) == {("ref", reason): 1}
    assert records(project)["a.jpg"].annotations[0].expressions == ("the white mug",) and report.objects == 2


def test_single_sentences_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "images" / "a.jpg")
    write_json(root / "instances.json", coco())
    sentences = [{"sent": 5}, "plain text", {"sent": " "}, {"raw": "", "sent": "mug"}, {"sent": "mug"}, None]
    write_json(root / "expressions.json", [{**ref(), "sentences": sentences}])
    project, report = imported("refcoco", root)
    assert records(project)["a.jpg"].annotations[0].expressions == ("plain text", "mug")
    assert reasons(report) == {
        ("expression", "without text"): 3,
        ("expression", "repeated for its object, kept once"): 1,
    }


def test_ids_as_text(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "images" / "a.jpg")
    write_json(root / "instances.json", coco(image={"id": "1"}, annotation={"id": "1"}))
    write_json(root / "grefs(unc).json", [ref(ann_id=["1"], image_id="1"), ref(2, [1.0], ["cup"])])
    assert records(imported(None, root)[0])["a.jpg"].annotations[0].expressions == ("the white mug", "cup")


@pytest.mark.parametrize("none", [[-1], -1, None, [], ["-1"]])
def test_no_target_refs_of_grefcoco(none: Any, tmp_path: Path) -> None:
    root = tmp_path / "grefcoco"
    write_image(root / "train2014" / "a.jpg")
    rows = [coco(annotation={"id": number})["annotations"][0] for number in (1, 2)]
    write_json(root / "instances.json", coco(annotations=rows))
    write_json(
        root / "grefs(unc).json",
        [ref(1, [1, 2], ["both mugs"], split="testA"), ref(2, none, ["a sofa"], no_target=True)],
    )
    project, report = imported(None, root)
    record = records(project)["a.jpg"]
    assert report.format == "grefcoco" and record.split == "testA"
    assert [(annotation.expressions, annotation.no_target) for annotation in record.annotations] == [
        (("both mugs",), False)
    ] * 2 + [(("a sofa",), True)]
    assert (report.expressions, report.no_target) == (3, 1)
    assert set(reasons(report)) == {
        ("ref", "of another split than those before it about its image, which has one split")
    }


def test_a_ref_without_an_object_is_no_target_in_grefcoco_alone(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "images" / "a.jpg")
    write_json(root / "instances.json", coco())
    write_json(root / "expressions.json", [ref(), ref(2, None, ["a sofa"])])
    assert reasons(imported("refcoco", root)[1]) == {("ref", "without an object"): 1}


def test_the_splits_of_an_image_are_reported(tmp_path: Path) -> None:
    root = published(
        tmp_path / "refcocog", {"refs(google).p": [published_ref(0, "x", "train"), published_ref(1, "y", "val")]}
    )
    project, report = imported("refcoco", root)
    assert records(project)[NAME].split == "train" and sum(tally.count for tally in report.altered.values()) == 1


def test_masks_of_images_of_another_size_are_scaled(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "images" / "a.jpg", (40, 60))
    write_json(root / "instances.json", coco())
    for name, form in (("expressions.json", "refcoco"), ("grefs(x).json", "grefcoco")):
        write_json(root / name, [ref()])
        project, report = imported(form, root)
        assert areas(records(project)["a.jpg"]) == [200] and len(report.altered) == 1
        (root / name).unlink()
        project.delete()


@pytest.mark.parametrize("name", ["refcoco", "grefcoco"])
@pytest.mark.parametrize("values", [{}, "x", 5, None])
def test_what_holds_no_refs_is_refused(name: str, values: Any, tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "images" / "a.jpg")
    write_json(root / "instances.json", coco())
    write_json(root / ("refs(x).json" if name == "refcoco" else "grefs(x).json"), values)
    with pytest.raises(DataError, match=r"expected a list of refs|there is no") as caught:
        imported(name, root)
    assert str(tmp_path) not in str(caught.value)


def test_refs_without_instances_are_refused(tmp_path: Path) -> None:
    write_json(tmp_path / "data" / "expressions.json", [ref()])
    with pytest.raises(DataError, match="no JSON file has a list of images"):
        imported("refcoco", tmp_path / "data")


def test_polygons_of_two_points_keep_their_image_out_of_the_finished_ones(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "images" / "a.jpg")
    rows = [
        coco(annotation={"id": n, "segmentation": [shape]})["annotations"][0]
        for n, shape in enumerate((MUG, [1, 2, 3, 4]), 1)
    ]
    write_json(root / "instances.json", coco(annotations=rows))
    write_json(root / "expressions.json", [ref(), ref(2, 2, ["lost"])])
    project, report = imported("refcoco", root)
    assert records(project)["a.jpg"].state == "new" and (report.objects, report.expressions) == (1, 1)
    assert reasons(report) == {("object", "with a polygon of fewer than three points"): 1}


def test_an_id_that_is_missing_does_not_say_that_nothing_is_meant() -> None:
    report = ImportReport()
    sentences = [{"sent": "the cat"}]
    ids = ({"ann_id": None}, {}, {"ann_id": [-1]}, {"ann_id": -1}, {"ann_id": []}, {"no_target": True})
    refs = parse_refs(
        [{"image_id": 1, "sentences": sentences, **one} for one in ids], "grefs.json", report, empty_is_no_target=True
    )
    assert [one.where for one in refs] == [f"grefs.json: refs[{number}]" for number in (2, 3, 4, 5)]
    assert report.skipped["ref", "without an object"].count == 2
