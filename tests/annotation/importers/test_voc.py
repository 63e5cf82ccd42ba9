"""Pascal VOC: the official layout and those of CVAT, datumaro, supervision, Roboflow and LabelImg."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from refseg.annotation.importers import detect_format, import_from
from refseg.annotation.importers.report import ImportReport
from refseg.annotation.importers.source import Source
from refseg.annotation.importers.voc.xml import read_xml
from refseg.annotation.project import Project
from refseg.errors import DataError
from refseg.video.formats import davis_palette
from tests.annotation.importers.data_sets import (
    HEIGHT,
    MUG,
    SPOON,
    WIDTH,
    Imported,
    area_mask,
    label_array,
    read_data_set,
    write_array,
    write_image,
    write_text,
)

MUG_BOX, SPOON_BOX = (31, 21, 70, 40), (81, 51, 110, 70)
COLORS = {"background": (0, 0, 0), "mug": (250, 50, 83), "spoon": (51, 221, 255)}
LABEL_MAP = "# label:color_rgb:parts:actions\n" + "".join(
    f"{name}:{r},{g},{b}::\n" for name, (r, g, b) in COLORS.items()
)


def xml_object(name: str, box: Any = None, extra: str = "") -> str:
    sides = (
        ""
        if box is None
        else "".join(f"<{key}>{side}</{key}>" for key, side in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
    )
    return f"<object><name>{name}</name><pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>" + (
        f"<bndbox>{sides}</bndbox>{extra}</object>" if sides else f"{extra}</object>"
    )


def xml(*objects: str, filename: str = "a.jpg", size: tuple[int, int] = (HEIGHT, WIDTH), extra: str = "") -> str:
    stated = f"<size><width>{size[1]}</width><height>{size[0]}</height><depth>3</depth></size>"
    head = f"<folder>VOC</folder><filename>{filename}</filename>{stated}<segmented>0</segmented>"
    return f"<annotation>{head}{''.join(objects)}{extra}</annotation>"


def polygon(*points: tuple[float, float]) -> str:
    return (
        "<polygon>"
        + "".join(f"<x{n}>{x}</x{n}><y{n}>{y}</y{n}>" for n, (x, y) in enumerate(points, start=1))
        + "</polygon>"
    )


def colored(labels: np.ndarray, colors: list[tuple[int, int, int]]) -> np.ndarray:
    return np.array(colors, np.uint8)[labels]


def standard(labels: np.ndarray) -> np.ndarray:
    return np.array(davis_palette(), np.uint8).reshape(-1, 3)[labels]


BOTH_BOXES = (xml_object("mug", MUG_BOX), xml_object("spoon", SPOON_BOX))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def check(found: Imported, *names: str, state: str = "accepted") -> None:
    """Every image has the mug and the spoon."""
    assert list(found.records) == list(names)
    for record in found.records.values():
        assert [annotation.category for annotation in record.annotations] == ["mug", "spoon"] and record.state == state
        np.testing.assert_array_equal(record.annotations[0].decode_mask(), area_mask(MUG))
        np.testing.assert_array_equal(record.annotations[1].decode_mask(), area_mask(SPOON))


def test_the_official_layout(root: Path) -> None:
    folder = root / "VOCdevkit" / "VOC2012"
    labels = label_array()
    labels[19, 30:70] = 255  # a border that is of none
    for name in ("2007_000032", "2007_000039", "2007_000042"):
        write_image(folder / f"JPEGImages/{name}.jpg")
    for name in ("2007_000032", "2007_000039"):
        write_array(folder / f"SegmentationObject/{name}.png", labels, davis_palette())
        write_array(
            folder / f"SegmentationClass/{name}.png",
            np.where(labels == 255, 255, labels * 5).astype(np.uint8),
            davis_palette(),
        )
        write_text(folder / f"Annotations/{name}.xml", xml(xml_object("bottle", MUG_BOX), xml_object("cow", SPOON_BOX)))
    write_text(folder / "ImageSets/Segmentation/train.txt", "2007_000032\n")
    write_text(folder / "ImageSets/Segmentation/val.txt", "2007_000039\n2007_000050\n")
    write_text(folder / "ImageSets/Segmentation/trainval.txt", "2007_000032\n2007_000039\n")
    write_text(folder / "ImageSets/Main/bottle_train.txt", "2007_000032  1\n2007_000039 -1\n")
    write_text(folder / "ImageSets/Layout/train.txt", "2007_000032 1\n")
    assert detect_format(Source(root)) == "voc"
    found = read_data_set("voc", root)
    assert {name: record.split for name, record in found.records.items()} == {
        "2007_000032.jpg": "train",
        "2007_000039.jpg": "val",
    }
    for record in found.records.values():
        assert [annotation.category for annotation in record.annotations] == [
            "bottle",
            "cow",
        ] and record.state == "accepted"
        np.testing.assert_array_equal(record.annotations[0].decode_mask(), area_mask(MUG))
    assert found.skipped() == {
        "image that is not in the data set": 1,
        "image without annotations that is in no list of a split": 1,
    }
    assert found.altered() == {}


def test_two_years_are_both_read(root: Path) -> None:
    for year in ("VOC2007", "VOC2012"):
        write_image(root / f"VOCdevkit/{year}/JPEGImages/{year}.jpg")
        write_text(root / f"VOCdevkit/{year}/Annotations/{year}.xml", xml(*BOTH_BOXES))
    check(read_data_set("voc", root), "VOC2007.jpg", "VOC2012.jpg", state="new")


@pytest.mark.parametrize("suffix", [".JPG", ".jpeg", ".png", ".bmp", ".webp", ".tif"])
def test_images_of_any_suffix(suffix: str, root: Path) -> None:
    write_image(root / f"JPEGImages/чашка 1{suffix}")
    write_text(root / "Annotations/чашка 1.xml", xml(*BOTH_BOXES))
    write_array(root / "SegmentationObject/чашка 1.png", label_array())
    write_text(root / "ImageSets/Segmentation/train.txt", "чашка 1\n")
    check(read_data_set("voc", root), f"чашка 1{suffix}")


@pytest.mark.parametrize("kind", ["rgb", "rgba", "palette", "index"])
def test_cvat_segmentation_mask(kind: str, root: Path) -> None:
    """No XML; colors of classes by labelmap.txt; a default split; images in folders."""
    labels = label_array()
    classes = colored(labels, list(COLORS.values()))
    objects = standard(labels)
    for name in ("a", "cam 1/b"):
        write_image(root / f"JPEGImages/{name}.jpg")
        if kind in ("rgb", "rgba"):
            alpha = np.full((HEIGHT, WIDTH, 1), 255, np.uint8)
            for folder, array in (("Class", classes), ("Object", objects)):
                write_array(
                    root / f"Segmentation{folder}/{name}.png",
                    np.concatenate([array, alpha], axis=2) if kind == "rgba" else array,
                )
        else:
            palette = [side for color in COLORS.values() for side in color] if kind == "palette" else None
            write_array(root / f"SegmentationClass/{name}.png", labels, palette)
            write_array(root / f"SegmentationObject/{name}.png", labels, davis_palette() if palette else None)
    write_text(root / "labelmap.txt", LABEL_MAP)
    write_text(root / "ImageSets/Segmentation/default.txt", "a\ncam 1/b\n")
    found = read_data_set("voc", root)
    check(found, "a.jpg", "b.jpg")
    assert {record.original_name: record.split for record in found.records.values()} == {
        "a.jpg": "default",
        "cam 1/b.jpg": "default",
    }
    assert found.altered() == {}


def test_datumaro(root: Path) -> None:
    """The order of the objects in the XML is not that of the numbers; several splits; edges of boxes as fractions; a
    label map without colors.
    """
    boxes = (
        xml_object("spoon", (80.0, 50.0, 110.0, 70.0), "<expression>the spoon</expression>"),
        xml_object("mug", (30.0, 20.0, 70.0, 40.0)),
    )
    for name, split in (("a", "train"), ("cam/b c", "val")):
        write_image(root / f"JPEGImages/{name}.jpg")
        write_text(root / f"Annotations/{name}.xml", xml(*boxes))
        write_array(root / f"SegmentationObject/{name}.png", standard(label_array()))
        write_array(root / f"SegmentationClass/{name}.png", standard(label_array()))
        for kind in ("Main", "Segmentation", "Layout", "Action"):
            write_text(root / f"ImageSets/{kind}/{split}.txt", f'"{name}"  1\n' if kind == "Layout" else f"{name}\n")
        write_text(root / f"ImageSets/Main/mug_{split}.txt", f"{name}  1\n")
    write_text(root / "labelmap.txt", "# label:color_rgb:parts:actions\nbackground:::\nmug:::\nspoon:::\n")
    found = read_data_set("voc", root)
    check(found, "a.jpg", "b c.jpg")
    assert {record.split for record in found.records.values()} == {"train", "val"}
    assert [annotation.expressions for annotation in found.records["a.jpg"].annotations] == [(), ("the spoon",)]
    assert found.report.skipped == {} and found.altered() == {}


def test_a_label_map_in_dataset_meta(root: Path) -> None:
    write_image(root / "JPEGImages/a.jpg")
    write_array(root / "SegmentationObject/a.png", label_array())
    write_array(root / "SegmentationClass/a.png", label_array())
    write_text(root / "dataset_meta.json", {"labels": ["background", "mug", "spoon"]})
    check(read_data_set("voc", root), "a.jpg")


@pytest.mark.parametrize("folder", ["images", "JPEGImages", ""])
def test_supervision(folder: str, root: Path) -> None:
    """Corners of polygons are the outermost pixels of the object, counted from 1."""
    write_image(root / folder / "a.jpg")
    corners = [polygon((x0, y0), (x0, y1), (x1, y1), (x1, y0)) for x0, y0, x1, y1 in (MUG_BOX, SPOON_BOX)]
    content = xml(xml_object("mug", MUG_BOX, corners[0]), xml_object("spoon", SPOON_BOX, corners[1]))
    write_text(root / ("annotations/a.xml" if folder else "a.xml"), '<?xml version="1.0" ?>\n' + content)
    assert detect_format(Source(root)) == "voc"
    found = read_data_set("voc", root)
    check(found, "a.jpg")
    assert found.altered() == {}


def test_polygons_of_fractions(root: Path) -> None:
    write_image(root / "a.jpg")
    points = [(30.0, 19.75), (69.75, 19.75), (69.75, 39.75), (30.0, 39.75)]
    nested = "<polygon>" + "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in points) + "</polygon>"
    write_text(root / "a.xml", xml(xml_object("mug", None, polygon(*points)), xml_object("mug", None, nested)))
    found = read_data_set("voc", root)
    for annotation in found.annotations:
        np.testing.assert_array_equal(annotation.decode_mask(), area_mask(MUG))


def test_roboflow(root: Path) -> None:
    """Images beside the XML, in folders of splits."""
    for folder, split in (("train", "train"), ("valid", "val")):
        write_image(root / folder / f"{split}_jpg.rf.01.jpg")
        write_text(root / folder / f"{split}_jpg.rf.01.xml", xml(*BOTH_BOXES, filename=f"{split}_jpg.rf.01.jpg"))
    write_text(root / "README.roboflow.txt", "kitchen")
    found = read_data_set(None, root)
    check(found, "train_jpg.rf.01.jpg", "val_jpg.rf.01.jpg", state="new")
    assert [record.split for record in found.records.values()] == ["train", "val"]
    assert found.altered() == {"object without a mask, its box was filled": 4}


@pytest.mark.parametrize(
    "box",
    [MUG_BOX, (70, 40, 31, 21), ("31", " 21 ", "70", "40"), (30.0, 20.0, 70.0, 40.0), (29.75, 19.75, 70.25, 40.25)],
)
def test_boxes_from_one_and_from_zero(box: Any, root: Path) -> None:
    """VOC counts pixels from 1; fractions are positions."""
    write_image(root / "JPEGImages/a.jpg")
    write_text(root / "Annotations/a.xml", xml(xml_object("mug", box)))
    np.testing.assert_array_equal(read_data_set("voc", root).annotations[0].decode_mask(), area_mask(MUG))


def test_a_zero_in_any_file_tells_that_all_count_from_zero(root: Path) -> None:
    for name, box in (("a", (30, 20, 70, 40)), ("b", (0, 0, 120, 80))):
        write_image(root / f"JPEGImages/{name}.jpg")
        write_text(root / f"Annotations/{name}.xml", xml(xml_object("mug", box)))
    records = read_data_set("voc", root).records
    np.testing.assert_array_equal(records["a.jpg"].annotations[0].decode_mask(), area_mask(MUG))
    assert records["b.jpg"].annotations[0].decode_mask().all()


@pytest.mark.parametrize(
    ("labels", "palette", "expected"),
    [
        (label_array(mug=255, spoon=255), None, ["mug"]),
        (label_array(mug=255, spoon=255), [side for n in range(256) for side in (n, n, n)], ["mug"]),
        (label_array(mug=255, spoon=2), None, ["spoon"]),
        (label_array(mug=255, spoon=255), davis_palette(), []),
        (label_array(bool), None, ["mug"]),
        (label_array(np.uint16, 300, 700), None, ["mug", "spoon"]),
        (np.repeat(label_array()[..., None], 3, axis=2), None, ["mug", "spoon"]),
        (colored(label_array(), [(0, 0, 0), (1, 2, 3), (9, 8, 7)]), None, ["mug", "spoon"]),
        (colored(label_array(), [(0, 0, 0), (1, 2, 3), (224, 224, 192)]), None, ["mug"]),
    ],
)
def test_kinds_of_object_masks(labels: np.ndarray, palette: list[int] | None, expected: list[str], root: Path) -> None:
    write_image(root / "JPEGImages/a.jpg")
    write_array(root / "SegmentationObject/a.png", labels, palette)
    found = read_data_set("voc", root)
    both = labels.dtype == bool or (
        len(expected) == 1 and palette != davis_palette() and labels.ndim == 2 and (labels[SPOON] == 255).all()
    )
    areas = {"mug": area_mask(MUG, SPOON) if both else area_mask(MUG), "spoon": area_mask(SPOON)}
    assert len(found.annotations) == len(expected)
    for annotation, name in zip(found.annotations, expected, strict=True):
        np.testing.assert_array_equal(annotation.decode_mask(), areas[name])
    assert found.altered() == (
        {"object without a category: neither SegmentationClass nor the XML has one": len(expected)} if expected else {}
    )


def test_class_masks_alone(root: Path) -> None:
    write_image(root / "JPEGImages/a.jpg")
    write_array(root / "SegmentationClass/a.png", label_array(spoon=77))
    write_text(root / "labelmap.txt", "background:::\nmug:::\n")
    write_text(
        root / "Annotations/a.xml",
        xml(xml_object("mug", MUG_BOX, "<expression>it</expression>"), xml_object("fork", SPOON_BOX)),
    )
    found = read_data_set("voc", root)
    assert [(annotation.category, annotation.expressions) for annotation in found.annotations] == [
        ("mug", ("it",)),
        ("77", ()),
    ]
    assert found.altered() == {
        "object of all pixels of a class, because no SegmentationObject separates them": 2,
        "object of a class without a name, named by its number or color": 1,
    }
    assert found.skipped() == {"object of the XML that no mask separates from others of its class": 1}


def test_objects_of_the_xml_without_pixels_are_counted(root: Path) -> None:
    write_image(root / "JPEGImages/a.jpg")
    write_array(root / "SegmentationObject/a.png", label_array(spoon=0))
    write_text(root / "Annotations/a.xml", xml(*BOTH_BOXES))
    found = read_data_set("voc", root)
    assert found.areas == [("mug", 800)] and found.record.state == "new"
    assert found.skipped() == {"object of the XML that has no pixels in SegmentationObject": 1}


def test_objects_of_the_xml_without_a_shape_and_dropped_parts(root: Path) -> None:
    write_image(root / "JPEGImages/a.jpg")
    part = (
        "<part><name>handle</name></part><attributes><attribute><name>a</name><value>b</value></attribute></attributes>"
    )
    objects = (
        xml_object("mug", MUG_BOX, part).replace("<difficult>0", "<difficult>1"),
        xml_object("lid"),
        xml_object("cat", (500, 500, 600, 600)),
    )
    write_text(root / "Annotations/a.xml", xml(*objects, xml_object("fork", (101, 21, 140, 40))))
    found = read_data_set("voc", root)
    assert found.areas == [("mug", 800), ("fork", 400)]
    assert found.skipped() == {"object without a box or polygon": 1, "object outside the image": 1}
    assert found.altered() == {
        "object without its difficult": 1,
        "object without its part": 1,
        "object without its attributes": 1,
        "object without a mask, its box was filled": 2,
        "object cut at the border of the image": 1,
    }


@pytest.mark.parametrize(("size", "is_read"), [((0, 0), True), ((160, 240), True), ((WIDTH, HEIGHT), False)])
def test_sizes_in_the_xml(size: tuple[int, int], is_read: bool, root: Path) -> None:
    factor = 2 if size == (160, 240) else 1
    write_image(root / "JPEGImages/a.jpg")
    write_image(root / "JPEGImages/b.jpg")
    write_text(root / "Annotations/b.xml", xml(*BOTH_BOXES))
    box = (30 * factor + 1, 20 * factor + 1, 70 * factor, 40 * factor)
    write_text(root / "Annotations/a.xml", xml(xml_object("mug", box), size=size))
    found = read_data_set("voc", root)
    assert ("a.jpg" in found.records) == is_read and "b.jpg" in found.records
    assert found.skipped() == ({} if is_read else {"image of another shape than its annotations": 1})
    if is_read:
        np.testing.assert_array_equal(found.records["a.jpg"].annotations[0].decode_mask(), area_mask(MUG))


def test_masks_of_another_size(root: Path) -> None:
    for name, shape in (("a", (160, 240)), ("b", (90, 90))):
        write_image(root / f"JPEGImages/{name}.jpg")
        write_array(
            root / f"SegmentationObject/{name}.png",
            np.kron(label_array(spoon=0), np.ones((2, 2), np.uint8))[: shape[0], : shape[1]],
        )
    found = read_data_set("voc", root)
    np.testing.assert_array_equal(found.records["a.jpg"].annotations[0].decode_mask(), area_mask(MUG))
    assert found.records["b.jpg"].annotations == () and found.skipped() == {
        "object with a mask of another shape than the image": 1
    }
    assert found.altered()["object mask scaled to the size of the image"] == 1


LAUGHS = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><annotation><object><name>&b;</name></object></annotation>'
OUTSIDE = (
    '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation><object><name>&x;</name></object></annotation>'
)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (LAUGHS.encode(), "that has a document type"),
        (OUTSIDE.encode(), "that has a document type"),
        (('<?xml version="1.0" encoding="utf-16"?>' + LAUGHS).encode("utf-16"), "that has a document type"),
        (('<?xml version="1.0" encoding="gb2312"?>' + LAUGHS).encode(), "that has a document type"),
        (b'<!DOCTYPE a SYSTEM "http://example.org/a.dtd"><annotation/>', "that has a document type"),
        (b"<annotation><name>&x;</name></annotation>", "that is not valid XML"),
        (b'<?xml version="1.0" encoding="zip"?><annotation/>', "that is not valid XML"),
        (b"<annotation>", "that is not valid XML"),
        (b"", "that is not valid XML"),
        (b"\xff\xfe\x00", "that is not valid XML"),
        (b"<svg/>", "that is not an annotation of Pascal VOC"),
    ],
)
def test_a_bad_xml_is_counted_and_the_rest_imported(content: bytes, reason: str, root: Path) -> None:
    for name in "ab":
        write_image(root / f"JPEGImages/{name}.jpg")
        write_text(root / f"Annotations/{name}.xml", content if name == "a" else xml(*BOTH_BOXES))
    found = read_data_set("voc", root)
    assert (
        found.records["a.jpg"].annotations == ()
        and found.records["a.jpg"].state == "new"
        and len(found.records["b.jpg"].annotations) == 2
    )
    assert found.skipped() == {f"file {reason}": 1}


def test_a_bad_mask_is_counted_and_the_rest_imported(root: Path) -> None:
    for name in "ab":
        write_image(root / f"JPEGImages/{name}.jpg")
        write_array(root / f"SegmentationObject/{name}.png", label_array())
    (root / "SegmentationObject/a.png").write_bytes(b"no image")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)).save(
        root / "SegmentationObject/c.png"
    )
    write_image(root / "JPEGImages/c.jpg")
    found = read_data_set("voc", root)
    assert {name: len(record.annotations) for name, record in found.records.items()} == {
        "a.jpg": 0,
        "b.jpg": 2,
        "c.jpg": 0,
    }
    assert sorted(found.skipped()) == [
        "mask file that has too many colors to be one for each object",
        "mask file that is not an image that can be read",
    ]


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [("utf-8", "utf-8"), ("gb2312", "gbk"), ("GBK", "gbk"), ("utf-16", "utf-16"), (None, "gbk"), (None, "utf-8-sig")],
)
def test_encodings_of_xml(declared: str | None, encoding: str, root: Path) -> None:
    write_image(root / "JPEGImages/a.jpg")
    head = "" if declared is None else f'<?xml version="1.0" encoding="{declared}"?>'
    write_text(root / "Annotations/a.xml", (head + xml(xml_object("杯子", MUG_BOX))).encode(encoding))
    found = read_data_set("voc", root)
    assert found.areas == [("杯子", 800)]
    assert ("file read as GBK because it is not UTF-8" in found.altered()) == (declared is None and encoding == "gbk")


def test_latin_xml(root: Path) -> None:
    write_image(root / "JPEGImages/a.jpg")
    write_text(
        root / "Annotations/a.xml",
        ('<?xml version="1.0" encoding="ISO-8859-1"?>' + xml(xml_object("Löffel", MUG_BOX))).encode("latin-1"),
    )
    assert read_data_set("voc", root).areas == [("Löffel", 800)]


def test_deep_and_large_xml(tmp_path: Path) -> None:
    (tmp_path / "deep.xml").write_bytes(b"<a>" * 200_000 + b"</a>" * 200_000)
    (tmp_path / "large.xml").write_bytes(b"<a>" + b" " * 20_000_000)
    source = Source(tmp_path)
    assert read_xml(source, "deep.xml", ImportReport()).tag == "a"
    with pytest.raises(DataError, match="more than 20 MB"):
        read_xml(source, "large.xml", ImportReport())


@pytest.mark.parametrize("line", ["../../secret", "/etc/passwd", "x" * 5000, "a\0b", "..", "."])
def test_names_of_strangers(line: str, root: Path) -> None:
    write_image(root.parent / "secret.png")
    write_image(root / "JPEGImages/a.jpg")
    write_array(root / "SegmentationObject/a.png", label_array())
    write_text(root / "ImageSets/Segmentation/train.txt", f"{line}\na\n")
    found = read_data_set("voc", root)
    assert list(found.records) == ["a.jpg"] and found.skipped() == {"image that is not in the data set": 1}


def test_our_own_elements(root: Path) -> None:
    write_image(root / "JPEGImages/a.jpg")
    write_array(root / "SegmentationObject/a.png", label_array())
    objects = (
        xml_object("object", MUG_BOX, "<unnamed>1</unnamed><expression>the mug</expression>"),
        xml_object("object", SPOON_BOX),
    )
    extra = (
        "<absent><expression>the cat</expression></absent><state>corrected</state><clip>video</clip><frame>3</frame>"
    )
    write_text(root / "Annotations/a.xml", xml(*objects, extra=extra))
    record = read_data_set("voc", root).record
    assert [(annotation.category, annotation.expressions) for annotation in record.annotations] == [
        ("", ("the mug",)),
        ("object", ()),
        ("", ("the cat",)),
    ]
    assert (record.state, record.clip, record.frame) == ("corrected", "video", 3)


def test_litter_and_xml_without_an_image(root: Path) -> None:
    write_image(root / "JPEGImages/a.jpg")
    write_text(root / "JPEGImages/.DS_Store", "x")
    write_text(root / "JPEGImages/Thumbs.db", "x")
    write_text(root / "Annotations/._a.xml", b"\0\5\26\7")
    write_text(root / "__MACOSX/Annotations/._a.xml", b"\0\5\26\7")
    write_text(root / "Annotations/a.xml", xml(*BOTH_BOXES))
    write_text(root / "Annotations/gone.xml", xml(*BOTH_BOXES))
    found = read_data_set("voc", root)
    check(found, "a.jpg", state="new")
    assert found.skipped() == {"image that is not in the data set": 1}


def test_what_is_not_voc_is_refused(root: Path, tmp_path: Path) -> None:
    write_image(root / "a.jpg")
    write_text(root / "a.xml", "<svg/>")
    with pytest.raises(DataError, match="not Pascal VOC"):
        import_from("voc", root, Project.create(tmp_path / "p"))
    with pytest.raises(DataError, match="not recognized"):
        detect_format(Source(root))


def test_the_xml_of_labelme_for_the_web(root: Path) -> None:
    """Polygons of points; objects that were deleted stay in its files."""
    points = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in ((30, 20), (70, 20), (70, 40.1), (30, 40.1)))
    shapes = f"<type>polygon</type><polygon><username>me</username>{points}</polygon>"
    write_image(root / "Images/a.jpg")
    objects = (
        xml_object("mug", None, f"<deleted>0</deleted>{shapes}"),
        xml_object("fork", None, f"<deleted>1</deleted>{shapes}"),
    )
    write_text(root / "Annotations/a.xml", xml(*objects))
    found = read_data_set("voc", root)
    assert found.areas == [("mug", 800)] and found.record.state == "accepted"
    assert found.skipped() == {"object that its tool marked as deleted": 1}


def test_jpeg_masks_are_refused_by_name(root: Path) -> None:
    for name in "ab":
        write_image(root / f"JPEGImages/{name}.jpg")
        write_array(root / f"SegmentationObject/{name}.{'jpg' if name == 'a' else 'png'}", label_array())
    found = read_data_set("voc", root)
    assert found.records["a.jpg"].annotations == () and len(found.records["b.jpg"].annotations) == 2
    assert found.skipped() == {"mask file that is a JPEG, which changes the numbers": 1}


def test_colors_of_classes_without_a_label_map_are_not_guessed(root: Path) -> None:
    """Colors that are not VOC's own have no names, and none may be made up for them."""
    write_image(root / "JPEGImages/a.jpg")
    write_array(root / "SegmentationClass/a.png", colored(label_array(), list(COLORS.values())))
    write_array(root / "SegmentationObject/a.png", standard(label_array()))
    found = read_data_set("voc", root)
    assert [annotation.category for annotation in found.annotations] == ["#fa3253", "#33ddff"]
    assert found.altered() == {"object of a class without a name, named by its number or color": 2}


def test_a_standard_color_that_is_not_in_the_label_map_is_not_named_by_it(root: Path) -> None:
    write_image(root / "JPEGImages/a.jpg")
    write_array(root / "SegmentationClass/a.png", standard(label_array()))
    write_text(root / "labelmap.txt", LABEL_MAP)
    assert [annotation.category for annotation in read_data_set("voc", root).annotations] == ["1", "2"]


def write_masks(root: Path, names: tuple[str, str] | None, classes: tuple[int, int], label_map: str = "") -> Imported:
    write_image(root / "JPEGImages/a.jpg")
    write_array(root / "SegmentationObject/a.png", label_array(), davis_palette())
    write_array(root / "SegmentationClass/a.png", label_array(mug=classes[0], spoon=classes[1]), davis_palette())
    if names is not None:
        boxes = zip(names, (MUG_BOX, SPOON_BOX), strict=True)
        objects = [xml_object(name, box, "<expression>it</expression>") for name, box in boxes]
        write_text(root / "Annotations/a.xml", xml(*objects))
    if label_map:
        write_text(root / "labelmap.txt", label_map)
    return read_data_set("voc", root)


@pytest.mark.parametrize("classes", [(5, 6), (1, 200)])
def test_own_classes_without_a_label_map_are_those_of_the_xml(classes: tuple[int, int], tmp_path: Path) -> None:
    found = write_masks(tmp_path / "data", ("mug", "spoon"), classes)
    assert found.areas == [("mug", 800), ("spoon", 600)] and not found.report.skipped and not found.report.altered
    assert found.record.state == "accepted"


def test_vocs_own_names_without_a_label_map(tmp_path: Path) -> None:
    found = write_masks(tmp_path / "xml", ("bottle", "bus"), (5, 6))
    assert found.areas == [("bottle", 800), ("bus", 600)] and not found.report.altered
    found = write_masks(tmp_path / "masks", None, (5, 6))
    assert found.areas == [("bottle", 800), ("bus", 600)]
    assert found.altered() == {"object named by Pascal VOC's own classes, because there is no labelmap.txt": 2}


def test_names_with_colons_which_a_label_map_cannot_hold(tmp_path: Path) -> None:
    label_map = "background:0,0,0::\nmug big:128,0,0::\nspoon:0,128,0::\n"
    found = write_masks(tmp_path / "data", ("mug: big", "spoon"), (1, 2), label_map)
    assert found.areas == [("mug: big", 800), ("spoon", 600)] and not found.report.skipped
