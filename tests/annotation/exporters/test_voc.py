"""Pascal VOC: its layout, and what strangers may write."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from refseg.annotation.exporters import export_to
from refseg.annotation.importers import import_from
from refseg.annotation.importers.voc import read_xml
from refseg.annotation.layouts import VOC_CLASSES as CLASSES
from refseg.annotation.records import Layer
from refseg.annotation.store import Project
from refseg.data.masks import encode_rle
from refseg.errors import DataError, InputError, ProjectError
from refseg.video.formats import davis_palette
from tests.annotation.exporters.shapes import SHAPE, masks, visible


def numbers(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        assert picture.mode == "P" and picture.getpalette() == davis_palette()
        return np.asarray(picture)


def root_of(tmp_path: Path) -> Path:
    """The folder of the lists, images and masks of an export to tmp_path / "out"."""
    return tmp_path / "out" / "VOCdevkit" / "VOC2012"


def test_the_layout(project: Project, tmp_path: Path) -> None:
    record = project.record("dog.png")
    project.save(record.with_layer(replace(record.layer("0"), category="person")))
    assert export_to("voc", project, tmp_path / "out").objects == 10
    out = root_of(tmp_path)
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    folders = {"JPEGImages": ".jpg", "Annotations": ".xml", "SegmentationObject": ".png", "SegmentationClass": ".png"}
    lists = {f"ImageSets/Segmentation/{split}.txt" for split in ("train", "val")}
    assert files == {"labelmap.txt", *lists, *(f"{folder}/{name}{end}" for folder, end in folders.items() for name in ("dog", "dog-2"))}
    assert (out / "ImageSets/Segmentation/val.txt").read_text() == "dog-2\n"
    objects, kinds = numbers(out / "SegmentationObject/dog.png"), numbers(out / "SegmentationClass/dog.png")
    for number, (mask, kind) in enumerate(zip(visible(masks()), (15, 21, 22, 21, 22), strict=True), start=1):
        np.testing.assert_array_equal(objects == number, mask)
        assert (kinds[mask] == kind).all()
    lines = (out / "labelmap.txt").read_text().splitlines()
    assert (lines[1], lines[16]) == ("background:0,0,0::", "person:192,128,128::")
    assert lines[22:] == ["hound:128,64,128::", "object:0,192,128::"]
    root = read_xml(out / "Annotations/dog.xml")
    boxes = [[int(thing.findtext(f"bndbox/{key}")) for key in ("xmin", "ymin", "xmax", "ymax")] for thing in root.findall("object")]
    assert boxes[0] == [1, 12, 20, 30] and boxes[4] == [60, 40, 60, 40]
    assert [root.findtext(f"size/{key}") for key in ("width", "height", "depth")] == ["60", "40", "3"]


def test_the_folders_as_they_are_unpacked(project: Project, tmp_path: Path) -> None:
    export_to("voc", project, tmp_path / "VOCdevkit" / "VOC2012")
    assert import_from("voc", tmp_path, Project.create(tmp_path / "again")).objects == 10


def test_voids_hidden_things_and_lists(project: Project, tmp_path: Path) -> None:
    """255 is a border of nothing; what has no pixel is left out; trainval counts for those in no other list; without lists all pictures are read."""
    export_to("voc", project, tmp_path / "out")
    labels = numbers(root_of(tmp_path) / "SegmentationObject/dog.png").copy()
    labels[labels == 2], labels[labels == 5] = 255, 3
    picture = Image.fromarray(labels)
    picture.putpalette(davis_palette())
    picture.save(root_of(tmp_path) / "SegmentationObject/dog.png")
    lists = root_of(tmp_path) / "ImageSets/Segmentation"
    (lists / "trainval.txt").write_text("dog\ndog-2\n")
    (lists / "train.txt").unlink()
    again = Project.create(tmp_path / "again")
    assert import_from("voc", tmp_path / "out", again).objects == 8
    records = {record.name: record for record in (again.record(entry.name) for entry in again.entries)}
    assert (records["dog.jpg"].split, records["dog-2.jpg"].split) == ("trainval", "val")
    assert [layer.id for layer in records["dog.jpg"].layers] == ["1", "3", "4", "absent-1"]
    shutil.rmtree(lists)
    (root_of(tmp_path) / "Annotations/dog.xml").unlink()
    third = Project.create(tmp_path / "third")
    assert import_from("voc", tmp_path / "out", third).objects == 8
    assert [layer.category for layer in third.record("dog.jpg").layers] == ["", "", ""] and third.record("dog.jpg").split == ""


def test_too_much_for_eight_bits(project: Project, tmp_path: Path) -> None:
    record = project.record("dog.png")
    mask = encode_rle(np.ones(SHAPE, bool))
    project.save(replace(record, layers=tuple(Layer(str(n), mask=mask) for n in range(255))))
    with pytest.raises(ProjectError, match="has 255 masks"):
        export_to("voc", project, tmp_path / "out")
    project.save(replace(project.record("dog.png"), layers=tuple(Layer(str(n), (), f"kind {n}", mask=mask) for n in range(235))))
    with pytest.raises(ProjectError, match="more than 234 categories"):
        export_to("voc", project, tmp_path / "out")
    assert len(CLASSES) == 20


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=20).filter(str.strip), min_size=1, max_size=3, unique=True))
def test_any_text_comes_back_less_what_xml_cannot_hold(tmp_path_factory: pytest.TempPathFactory, said: list[str]) -> None:
    tmp_path = tmp_path_factory.mktemp("voc")
    Image.new("RGB", (60, 40)).save(tmp_path / "a.jpg")
    project = Project.create(tmp_path / "project", "<&>\x00]]>")
    project.save(project.add_picture(tmp_path / "a.jpg").with_layer(Layer("1", tuple(said), mask=encode_rle(np.ones(SHAPE, bool)))))
    export_to("voc", project, tmp_path / "out")
    again = Project.create(tmp_path / "again")
    import_from("voc", tmp_path / "out", again)
    writable = ["".join(c if c in "\t\n" or (c >= " " and c not in "\ufffe\uffff") else " " for c in text) for text in said]
    assert list(again.record("a.jpg").layers[0].expressions) == [text for text in writable if text.strip()]


LAUGHS = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><annotation><object><name>&b;</name></object></annotation>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation><object><name>&x;</name></object></annotation>'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (LAUGHS.encode(), "document type"),
        (OUTSIDE.encode(), "document type"),
        (('<?xml version="1.0" encoding="utf-16"?>' + LAUGHS).encode("utf-16"), "document type"),
        (b'<!DOCTYPE a SYSTEM "http://example.org/a.dtd"><annotation/>', "document type"),
        (b"<annotation><name>&x;</name></annotation>", "not valid XML"),
        (b'<?xml version="1.0" encoding="zip"?><annotation/>', "not valid XML"),
        (b"<annotation>", "not valid XML"),
        (b"", "not valid XML"),
        (b"\xff\xfe\x00", "not valid XML"),
    ],
)
def test_xml_of_strangers(content: bytes, reason: str, project: Project, tmp_path: Path) -> None:
    export_to("voc", project, tmp_path / "out")
    (root_of(tmp_path) / "Annotations/dog.xml").write_bytes(content)
    with pytest.raises(DataError, match=reason):
        import_from("voc", tmp_path / "out", Project.create(tmp_path / "again"))


def test_deep_and_large_xml(tmp_path: Path) -> None:
    (tmp_path / "deep.xml").write_bytes(b"<a>" * 200_000 + b"</a>" * 200_000)
    assert read_xml(tmp_path / "deep.xml").tag == "a"
    (tmp_path / "large.xml").write_bytes(b"<a>" + b" " * 20_000_000)
    with pytest.raises(DataError, match="more than 20 MB"):
        read_xml(tmp_path / "large.xml")


@pytest.mark.parametrize(
    ("names", "reason"), [("../../dog", "inside"), ("nothing", "put it there"), ("x" * 5000, "cannot be a file"), ("", "names no pictures")]
)
def test_names_of_strangers(names: str, reason: str, project: Project, tmp_path: Path) -> None:
    export_to("voc", project, tmp_path / "out")
    shutil.rmtree(root_of(tmp_path) / "ImageSets")
    (root_of(tmp_path) / "ImageSets/Segmentation").mkdir(parents=True)
    (root_of(tmp_path) / "ImageSets/Segmentation/train.txt").write_text(names + "\n")
    if not names:
        shutil.rmtree(root_of(tmp_path) / "SegmentationObject")
    with pytest.raises(InputError, match=reason):
        import_from("voc", tmp_path / "out", Project.create(tmp_path / "again"))


def test_which_of_several_is_not_guessed(project: Project, tmp_path: Path) -> None:
    for year in ("VOC2007", "VOC2012"):
        export_to("voc", project, tmp_path / "VOCdevkit" / year)
    with pytest.raises(DataError, match="has 2 folders"):
        import_from("voc", tmp_path, project)
