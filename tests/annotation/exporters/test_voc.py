"""Pascal VOC: its layout, and which object a pixel belongs to."""

import os
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from refseg.annotation.exporters import export_to
from refseg.annotation.importers import import_from
from refseg.annotation.layouts import VOC_CLASSES as CLASSES
from refseg.annotation.project import Project
from refseg.annotation.records import Annotation
from refseg.data.masks import encode_rle
from refseg.video.formats import davis_palette
from tests.annotation.exporters.conftest import box
from tests.annotation.exporters.shapes import SHAPE, masks, visible


def root_of(tmp_path: Path) -> Path:
    """The folder of the lists, images and masks of an export to tmp_path / "out"."""
    return tmp_path / "out" / "VOCdevkit" / "VOC2012"


def numbers(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.mode == "P" and image.getpalette() == davis_palette()
        return np.asarray(image)


def xml_of(path: Path) -> ElementTree.Element:
    return ElementTree.fromstring(path.read_bytes())  # noqa: S314  written by the test


def test_the_layout(project: Project, tmp_path: Path) -> None:
    record = project.record("dog.png")
    project.save(record.with_annotation(replace(record.annotation("0"), category="person")))
    assert export_to("voc", project, tmp_path / "out").objects == 10
    out = root_of(tmp_path)
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    folders = {"JPEGImages": ".jpg", "Annotations": ".xml", "SegmentationObject": ".png", "SegmentationClass": ".png"}
    lists = {f"ImageSets/{task}/{split}.txt" for task in ("Main", "Segmentation") for split in ("train", "val")}
    assert files == {
        "labelmap.txt",
        *lists,
        *(f"{folder}/{name}{end}" for folder, end in folders.items() for name in ("dog", "dog-2")),
    }
    assert (
        (out / "ImageSets/Segmentation/val.txt").read_text()
        == (out / "ImageSets/Main/val.txt").read_text()
        == "dog-2\n"
    )
    objects, kinds = numbers(out / "SegmentationObject/dog.png"), numbers(out / "SegmentationClass/dog.png")
    for number, (mask, kind) in enumerate(zip(visible(masks()), (15, 21, 22, 21, 22), strict=True), start=1):
        np.testing.assert_array_equal(objects == number, mask)
        assert (kinds[mask] == kind).all()
    lines = (out / "labelmap.txt").read_text().splitlines()
    assert (lines[1], lines[16]) == ("background:0,0,0::", "person:192,128,128::")
    assert lines[22:] == ["hound:128,64,128::", "object:0,192,128::"]
    root = xml_of(out / "Annotations/dog.xml")
    boxes = [
        [int(entry.findtext(f"bndbox/{key}") or 0) for key in ("xmin", "ymin", "xmax", "ymax")]
        for entry in root.findall("object")
    ]
    assert boxes[0] == [1, 12, 20, 30] and boxes[4] == [60, 40, 60, 40]
    assert [root.findtext(f"size/{key}") for key in ("width", "height", "depth")] == ["60", "40", "3"]
    assert root.findtext("state") == "accepted" and root.find("clip") is None
    assert [entry.findtext("unnamed") for entry in root.findall("object")] == [None, None, "1", None, "1"]


def test_a_small_object_that_comes_first_is_not_covered(tmp_path: Path, photos: list[Path]) -> None:
    """In the order of the records, the later and larger one would hide it."""
    project = Project.create(tmp_path / "project")
    annotations = (
        Annotation("1", ("the cup",), mask=box(20)),
        Annotation("2", ("the table",), mask=box(10, 5, 50, 35)),
    )
    project.save(replace(project.add_image(photos[0]), annotations=annotations))
    report = export_to("voc", project, tmp_path / "out")
    objects = numbers(root_of(tmp_path) / "SegmentationObject/dog.png")
    assert (objects == 1).sum() == 100 and (objects == 2).sum() == 40 * 30 - 100
    assert report.lost == {
        ("mask", "partly covered by smaller objects"): report.lost["mask", "partly covered by smaller objects"]
    }
    assert report.lost["mask", "partly covered by smaller objects"].examples == ["dog.png: the table"]


def test_an_object_without_a_pixel_left_is_named_and_keeps_its_box(tmp_path: Path, photos: list[Path]) -> None:
    project = Project.create(tmp_path / "project")
    annotations = (
        Annotation("1", ("the couple",), mask=box(10, right=30)),
        Annotation("2", ("her",), mask=box(10)),
        Annotation("3", ("him",), mask=box(20)),
    )
    project.save(replace(project.add_image(photos[0]), annotations=annotations))
    report = export_to("voc", project, tmp_path / "out")
    assert report.objects == 3
    assert report.lost["mask", "covered by smaller objects, has no pixel left"].examples == ["dog.png: the couple"]
    root = xml_of(root_of(tmp_path) / "Annotations/dog.xml")
    assert [entry.findtext("expression") for entry in root.findall("object")] == ["the couple", "her", "him"]
    assert root.findtext("object/bndbox/xmax") == "30"


def test_more_than_eight_bits_hold_is_reported(project: Project, tmp_path: Path) -> None:
    record = project.record("dog.png")
    annotations = tuple(
        Annotation(str(n), (f"dot {n}",), mask=box(n % 60, n // 60, n % 60 + 1, n // 60 + 1)) for n in range(256)
    )
    project.save(replace(record, annotations=annotations))
    report = export_to("voc", project, tmp_path / "out")
    objects = numbers(root_of(tmp_path) / "SegmentationObject/dog.png")
    assert objects.max() == 254 and objects[0, 0] == 1
    assert report.lost["mask", "the format has 254 numbers for the objects of an image"].examples == [
        "dog.png: dot 254",
        "dog.png: dot 255",
    ]
    assert len(xml_of(root_of(tmp_path) / "Annotations/dog.xml").findall("object")) == 256


def test_more_classes_than_eight_bits_hold_are_reported(project: Project, tmp_path: Path) -> None:
    record = project.record("dog.png")
    project.save(
        replace(
            record,
            annotations=tuple(
                Annotation(str(n), (), f"kind {n}", mask=box(n % 60, n // 60, n % 60 + 1, n // 60 + 1))
                for n in range(235)
            ),
        )
    )
    report = export_to("voc", project, tmp_path / "out")
    [(key, tally)] = [(key, tally) for key, tally in report.lost.items() if key[0] == "category"]
    assert "254 class numbers" in key[1] and tally.examples[0] == "kind 234" and len(CLASSES) == 20
    kinds = numbers(root_of(tmp_path) / "SegmentationClass/dog.png")
    assert kinds[3, 54] == 255 and kinds[3, 53] == 254


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=20).filter(str.strip), min_size=1, max_size=3, unique=True))
def test_any_text_comes_back_less_what_xml_cannot_hold(
    tmp_path_factory: pytest.TempPathFactory, said: list[str]
) -> None:
    tmp_path = tmp_path_factory.mktemp("voc")
    Image.new("RGB", (60, 40)).save(tmp_path / "a.jpg")
    project = Project.create(tmp_path / "project", "<&>\x00]]>")
    project.save(
        project.add_image(tmp_path / "a.jpg").with_annotation(
            Annotation("1", tuple(said), mask=encode_rle(np.ones(SHAPE, bool)))
        )
    )
    report = export_to("voc", project, tmp_path / "out")
    again = Project.create(tmp_path / "again")
    import_from("voc", tmp_path / "out", again)
    writable = [
        "".join(c if c in "\t\n" or (c >= " " and c not in "\ufffe\uffff") else " " for c in text) for text in said
    ]
    assert list(again.record("a.jpg").annotations[0].expressions) == [text for text in writable if text.strip()]
    [altered] = [
        tally.count for (noun, _), tally in report.altered.items() if noun == "text"
    ]  # the project's name is one, too
    assert altered == 1 + sum(one != other for one, other in zip(said, writable, strict=True))


@pytest.mark.skipif(os.name == "nt", reason="no such names there")
def test_names_of_every_script(tmp_path: Path, photos: list[Path]) -> None:
    project = Project.create(tmp_path / "project")
    project.save(project.add_image(photos[2], name="猫 & 犬.jpg").with_annotation(Annotation("1", mask=box(3))))
    export_to("voc", project, tmp_path / "out")
    assert (root_of(tmp_path) / "ImageSets/Main/train.txt").read_text(encoding="utf-8") == "猫 & 犬\n"
    assert (root_of(tmp_path) / "JPEGImages/猫 & 犬.jpg").is_file()
