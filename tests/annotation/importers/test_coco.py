"""COCO as other tools write it: layouts, odd values, and entries that cannot be used."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refseg.annotation.importers import detect_format
from refseg.annotation.importers.source import Source
from refseg.data.masks import encode_rle
from refseg.errors import DataError
from tests.annotation.importers.coco_sets import (
    MUG,
    MUG_AREA,
    SIZE,
    areas,
    coco,
    imported,
    mug_mask,
    png_with,
    reasons,
    records,
    write_image,
    write_json,
)

LAYOUTS = {
    # name: (JSON file, image file, name in the JSON, split)
    "COCO": ("annotations/instances_train2017.json", "train2017/a.jpg", "a.jpg", "train2017"),
    "CVAT": ("annotations/instances_default.json", "images/a.jpg", "a.jpg", ""),
    "CVAT with subset": ("annotations/instances_val.json", "images/val/a.jpg", "a.jpg", "val"),
    "datumaro": ("annotations/instances_train.json", "images/train/sub/a.jpg", "sub/a.jpg", "train"),
    "Roboflow": ("valid/_annotations.coco.json", "valid/a.jpg", "a.jpg", "valid"),
    "Label Studio": ("result.json", "images/0f3-a.jpg", "images/0f3-a.jpg", ""),
    "Label Studio on Windows": ("result.json", "images/0f3-a.jpg", "images\\0f3-a.jpg", ""),
    "FiftyOne": ("labels.json", "data/a.jpg", "a.jpg", ""),
    "supervision": ("train.json", "images/a.jpg", "a.jpg", "train"),
    "absolute name": ("instances.json", "images/a.jpg", "/home/somebody/data/a.jpg", ""),
    "absolute name of Windows": ("x.json", "images/a.jpg", "C:\\data\\images\\a.jpg", ""),
    "URL": ("x.json", "images/a b.jpg", "http://images.example.org/train/a%20b.jpg?size=large", ""),
    "one folder around it": ("set/annotations/instances_train.json", "set/train/a.jpg", "a.jpg", "train"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout: str, tmp_path: Path) -> None:
    file, image, name, split = LAYOUTS[layout]
    root = tmp_path / "data"
    write_image(root / image)
    write_json(root / file, coco(image={"file_name": name}))
    write_json(
        root / "annotations" / "captions_x.json",
        {"images": [], "annotations": [{"id": 1, "image_id": 1, "caption": "a mug"}]},
    )
    (root / ".DS_Store").write_bytes(b"x")
    project, report = imported(None, root)
    (record,) = records(project).values()
    assert report.format == "coco"
    assert (record.name, record.state, record.split, areas(record)) == (Path(image).name, "accepted", split, [MUG_AREA])
    assert (record.original_name, record.original_id) == (image, 1)
    assert (record.annotations[0].category, record.annotations[0].original_id, record.annotations[0].category_id) == (
        "mug",
        1,
        1,
    )
    assert not report.altered and set(report.skipped) == {("file", "with captions instead of objects")}


def test_several_files_are_several_splits(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for split in ("train", "valid"):
        write_image(root / split / "a.jpg")
        write_json(root / split / "_annotations.coco.json", coco())
    project, report = imported("coco", root)
    assert {name: record.split for name, record in records(project).items()} == {
        "a.jpg": "train",
        "valid-a.jpg": "valid",
    }
    assert reasons(report) == {("image", "renamed because another image has its name"): 1}


def test_an_image_in_two_files_is_read_once(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "images" / "a.jpg")
    for name in ("instances_a.json", "instances_b.json"):
        write_json(root / "annotations" / name, coco())
    project, report = imported("coco", root)
    assert len(project.summaries) == 1
    assert reasons(report) == {
        ("image", "listed in another file already"): 1,
        ("object", "of an image that is listed in another file already"): 1,
    }


def test_a_list_of_images_alone_takes_no_image_from_the_instances(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for name in ("a.jpg", "b.jpg"):
        write_image(root / "images" / name)
    extra = {"id": 2, "file_name": "b.jpg", "width": 120, "height": 80}
    write_json(
        root / "annotations" / "image_info_train.json",
        {"images": [coco()["images"][0], extra], "annotations": [], "categories": []},
    )
    write_json(root / "annotations" / "instances_train.json", coco())
    project, report = imported("coco", root)
    assert {name: (len(record.annotations), record.state) for name, record in records(project).items()} == {
        "a.jpg": (1, "accepted"),
        "b.jpg": (0, "new"),
    }
    assert reasons(report) == {("image", "listed in another file already"): 1}


def test_key_points_are_objects_only_if_there_is_nothing_else(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "a.jpg")
    values = coco(annotation={"keypoints": [1, 2, 2] * 17})
    write_json(root / "person_keypoints_val2017.json", values)
    assert imported("coco", root)[1].objects == 1
    write_json(root / "instances_val2017.json", coco())
    write_json(root / "panoptic_val2017.json", coco(annotation={"segments_info": []}))
    again = root.rename(tmp_path / "more")
    report = imported("coco", again)[1]
    assert report.objects == 1 and sum(tally.count for tally in report.skipped.values()) == 2


RLE = encode_rle(mug_mask())
COUNTS = encode_rle(mug_mask(), compressed=False)
SHAPES: dict[str, tuple[Any, ...]] = {
    # name: (segmentation, pixels of the mask or None, state)
    "polygon": ([MUG], MUG_AREA, "accepted"),
    "polygon without its list": (MUG, MUG_AREA, "accepted"),
    "polygon of pairs": ([[[30, 20], [70, 20], [70, 40], [30, 40]]], MUG_AREA, "accepted"),
    "polygon of text": ([[str(value) for value in MUG]], MUG_AREA, "accepted"),
    "two points beside a polygon": ([[1, 1, 5, 5], MUG], MUG_AREA, "accepted"),
    "partly outside": ([[100, 0, 300, 0, 300, 40, 100, 40]], 20 * 40, "accepted"),
    "compressed run lengths": (RLE, MUG_AREA, "accepted"),
    "run lengths": (COUNTS, MUG_AREA, "accepted"),
    "run lengths as floats": (
        {"size": [80.0, "120"], "counts": [float(one) for one in COUNTS["counts"]]},
        MUG_AREA,
        "accepted",
    ),
    "list of run lengths": ([RLE, COUNTS], MUG_AREA, "accepted"),
    "nothing": ([], MUG_AREA, "new"),
    "null": (None, MUG_AREA, "new"),
    "an empty polygon": ([[]], MUG_AREA, "new"),
    "two points": ([[30, 20, 70, 40]], None, "new"),
    "odd number of values": ([[*MUG, 5]], None, "new"),
    "a line": ([[30, 20, 70, 20, 30, 20]], None, "new"),
    "outside": ([[300, 20, 370, 20, 370, 40]], None, "new"),
    "not finite": ([[float("nan"), 20, 70, 20, 70, 40]], None, "new"),
    "empty run lengths": (encode_rle(np.zeros(SIZE, bool)), None, "new"),
    "too few run lengths": ({"size": list(SIZE), "counts": [5, 5]}, None, "new"),
    "damaged run lengths": ({"size": list(SIZE), "counts": "\x00"}, None, "new"),
    "without a size": ({"counts": "abc"}, None, "new"),
    "text": ("abc", MUG_AREA, "new"),
    "many lists": (json.loads("[" * 300 + "]" * 300), None, "new"),
    "very far away": ([[-1e300, 20, 1e300, 20, 1e300, 40, -1e300, 40]], 20 * 120, "accepted"),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("crowd", [0, 1])
def test_segmentations(name: str, crowd: int, tmp_path: Path) -> None:
    """CVAT writes every brush mask with iscrowd 1."""
    segmentation, area, state = SHAPES[name]
    root = tmp_path / "data"
    write_image(root / "a.jpg")
    values = coco(annotation={"segmentation": segmentation, "iscrowd": crowd, "expressions": ["the mug"]})
    write_json(root / "instances.json", values)
    project, report = imported("coco", root)
    (record,) = records(project).values()
    assert (areas(record), record.state) == ([] if area is None else [area], state)
    assert report.objects == (area is not None) and report.expressions == (area is not None)
    assert report.skipped_count == (area is None)
    if area is not None and state == "new":
        assert reasons(report) == {("object", "without a mask, its box was filled"): 1}


def test_a_segmentation_without_key_or_box_is_counted(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "a.jpg")
    values = coco()
    del values["annotations"][0]["segmentation"], values["annotations"][0]["bbox"]
    write_json(root / "instances.json", values)
    project, report = imported("coco", root)
    assert records(project)["a.jpg"].state == "new" and reasons(report) == {("object", "without a mask"): 1}
    assert report.summary()[0] == "imported 0 objects in 1 image; 1 skipped: 1 without a mask"


def test_run_lengths_of_another_size_are_scaled_or_skipped(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "a.jpg")
    half = np.zeros((40, 60), bool)
    half[10:20, 15:35] = True
    turned = encode_rle(mug_mask().T.copy())
    rows = [
        coco(annotation={"id": n, "segmentation": s})["annotations"][0]
        for n, s in enumerate((encode_rle(half), turned), 1)
    ]
    write_json(root / "instances.json", coco(annotations=rows))
    project, report = imported("coco", root)
    (annotation,) = records(project)["a.jpg"].annotations
    np.testing.assert_array_equal(annotation.decode_mask(), mug_mask())
    assert reasons(report) == {
        ("object", "mask scaled to the size of the image"): 1,
        ("object", "with a mask of another shape than the image"): 1,
    }


@pytest.mark.parametrize("size", [(40, 60), (160, 240), (60, 90)])
def test_images_of_another_size_than_annotated(size: tuple[int, int], tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "a.jpg", size)
    write_json(root / "instances.json", coco())
    project, report = imported("coco", root)
    assert areas(records(project)["a.jpg"]) == [MUG_AREA * size[0] * size[1] // (SIZE[0] * SIZE[1])]
    assert reasons(report) == {("image", "masks scaled to the size of the image"): 1}


def test_images_of_another_shape_are_refused_with_both_sizes(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "a.jpg", (50, 50))
    write_json(root / "instances.json", coco())
    with pytest.raises(DataError, match="of another shape than its annotations") as caught:
        imported("coco", root)
    assert "image is 50 x 50, its annotations are for 120 x 80" in str(caught.value) and str(tmp_path) not in str(
        caught.value
    )


def test_ids_and_numbers_as_text_and_float(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "a.jpg")
    values = coco(
        image={"id": "000017", "width": "120.0", "height": 80.0},
        annotation={"id": "x1", "image_id": "000017", "category_id": 3.0},
        categories=[{"id": "3", "name": "mug", "supercategory": "dish"}, {"id": 90, "name": 5}],
    )
    write_json(root / "instances.json", values)
    project, report = imported("coco", root)
    record = records(project)["a.jpg"]
    assert areas(record) == [MUG_AREA] and record.original_id == "000017"
    assert (record.annotations[0].id, record.annotations[0].category, record.annotations[0].category_id) == (
        "x1",
        "mug",
        3,
    )
    assert not reasons(report)


def test_bad_entries_are_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "a.jpg")
    (root / "damaged.jpg").write_bytes(b"no image")
    image, annotation = coco()["images"][0], coco()["annotations"][0]
    values = {
        "images": [
            *(image, image, 5, {"file_name": "a.jpg"}, {**image, "id": 3}),
            *({**image, "id": 2, "file_name": "gone.jpg"}, {**image, "id": 4, "file_name": "damaged.jpg"}),
        ],
        "annotations": [
            *(annotation, None, {**annotation, "id": 2, "image_id": 99}, {**annotation, "id": 3, "image_id": None}),
            *(
                {**annotation, "id": 4, "image_id": 2},
                {**annotation, "id": 5, "category_id": 77},
                {**annotation, "id": 6, "image_id": 3},
            ),
            *({**annotation, "id": 7, "image_id": 4}, {**annotation, "id": 1}),
        ],
        "categories": [{"id": 1, "name": "mug"}, {"id": 1, "name": "mug"}, {"id": 1, "name": "cup"}, {"name": "x"}, []],
    }
    write_json(root / "instances.json", values)
    project, report = imported("coco", root)
    record = records(project)["a.jpg"]
    assert [(annotation.id, annotation.category) for annotation in record.annotations] == [
        ("1", "mug"),
        ("5", ""),
        ("1-2", "mug"),
        ("6", "mug"),
    ]
    assert reasons(report) == {
        ("image", "that is no JSON object"): 1,
        ("image", "without an id"): 1,
        ("image", "without a file"): 1,
        ("image", "that cannot be read"): 1,
        ("image", "listed twice, used once"): 1,
        ("image", "listed twice, its objects are joined"): 1,
        ("object", "that is no JSON object"): 1,
        ("object", "of an image that is not listed"): 2,
        ("object", "of an image without a file"): 1,
        ("object", "of an image that was skipped"): 1,
        ("object", "with the id of another one"): 1,
        ("object", "without its category, which is not listed"): 1,
        ("category", "listed twice, used once"): 1,
        ("category", "with the id of another one"): 1,
        ("category", "without an id or a name"): 1,
        ("category", "that is no JSON object"): 1,
    }
    assert (report.images, report.objects) == (1, 4)


def test_keys_that_this_project_writes_are_read_again(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "a.jpg")
    values = coco(
        image={
            "split": "val",
            "state": "corrected",
            "clip": "street",
            "frame": 7,
            "no_target": [["a sofa", "the couch"], []],
        },
        annotation={"expressions": ["the mug", "кружка"], "unnamed": True},
    )
    write_json(root / "annotations" / "instances_train.json", values)
    project, report = imported("coco", root)
    record = records(project)["a.jpg"]
    assert (record.split, record.state, record.clip, record.frame) == ("val", "corrected", "street", 7)
    assert [
        (annotation.expressions, annotation.no_target, annotation.category) for annotation in record.annotations
    ] == [
        (("the mug", "кружка"), False, ""),
        (("a sofa", "the couch"), True, ""),
    ]
    assert (report.expressions, report.no_target) == (4, 1)


def test_accepted_does_not_outweigh_a_missing_mask(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "a.jpg")
    write_json(root / "instances.json", coco(image={"state": "accepted"}, annotation={"segmentation": []}))
    assert records(imported("coco", root)[0])["a.jpg"].state == "new"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "gbk"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "杯子.jpg")
    write_json(root / "x.json", coco(image={"file_name": "杯子.jpg"}, categories=[{"id": 1, "name": "杯子"}]), encoding)
    project, report = imported(None, root)
    assert records(project)["杯子.jpg"].annotations[0].category == "杯子"
    assert bool(report.altered) == (encoding == "gbk")


@pytest.mark.parametrize(
    ("chunk", "data"),
    [
        (b"tEXt", b"parameters\0" + b"x" * 70_000_000),
        (b"iCCP", b"profile\0\0" + __import__("zlib").compress(b"x" * 3_000_000)),
        (b"zTXt", b"parameters\0\0" + __import__("zlib").compress(b"x" * 3_000_000)),
        (b"iTXt", b"parameters\0\1\0\0\0" + __import__("zlib").compress(b"x" * 3_000_000)),
    ],
)
def test_png_with_more_text_than_pillow_reads(chunk: bytes, data: bytes, tmp_path: Path) -> None:
    png_with(tmp_path / "data" / "a.png", chunk, data)
    write_json(tmp_path / "data" / "instances.json", coco(image={"file_name": "a.png"}))
    project, _ = imported("coco", tmp_path / "data")
    assert areas(records(project)["a.png"]) == [MUG_AREA]


@pytest.mark.parametrize(
    "values",
    [
        [],
        {},
        {"images": {}, "annotations": []},
        {"images": [], "annotations": {}},
        [{"image_id": 1, "score": 1, "segmentation": {}}],
    ],
)
def test_what_is_not_coco_is_refused_and_leaves_the_project_as_it_was(values: Any, tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "a.jpg")
    write_json(root / "x.json", values)
    with pytest.raises(DataError, match=r"COCO|nothing was imported") as caught:
        imported("coco", root)
    assert str(tmp_path) not in str(caught.value)
    assert not list((tmp_path / "project of data" / "images").iterdir())


def test_a_file_is_not_taken_for_coco_by_its_name(tmp_path: Path) -> None:
    write_json(tmp_path / "instances.json", {"shapes": []})
    with pytest.raises(DataError, match="not recognized"):
        detect_format(Source(tmp_path))


def test_more_objects_than_a_record_holds(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "a.jpg")
    annotation = coco()["annotations"][0]
    write_json(root / "instances.json", coco(annotations=[{**annotation, "id": number} for number in range(503)]))
    project, report = imported("coco", root)
    assert len(records(project)["a.jpg"].annotations) == 500 and reasons(report) == {
        ("object", "more than 500 in an image"): 3
    }
    assert records(project)["a.jpg"].state == "new"


def test_texts_that_are_too_long_or_no_unicode(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "a.jpg")
    values = coco(
        annotation={"expressions": ["x" * 1001, "\ud800", " ", "mug", "mug"]},
        categories=[{"id": 1, "name": "y" * 1001}],
    )
    root.joinpath("instances.json").write_text(json.dumps(values))
    project, report = imported("coco", root)
    (annotation,) = records(project)["a.jpg"].annotations
    assert (annotation.expressions, annotation.category) == (("mug",), "")
    assert sum(reasons(report).values()) == 5


@pytest.mark.parametrize(
    ("orientation", "turned"), [(6, lambda mask: np.rot90(mask, -1)), (8, np.rot90), (5, np.transpose)]
)
def test_annotations_of_images_that_were_not_turned_upright(orientation: int, turned: Any, tmp_path: Path) -> None:
    """The width and height of the annotations say which way the image lay."""
    root = tmp_path / "data"
    write_image(root / "a.jpg", SIZE, orientation)
    write_json(root / "instances.json", coco())
    project, report = imported("coco", root)
    record = records(project)["a.jpg"]
    assert (record.height, record.width, record.state) == (120, 80, "accepted")
    np.testing.assert_array_equal(record.annotations[0].decode_mask(), turned(mug_mask()))
    assert reasons(report) == {("image", "masks turned like the image, by its EXIF orientation"): 1}


def test_annotations_of_images_that_were_turned_upright(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "a.jpg", SIZE, 6)
    upright = [20, 30, 40, 30, 40, 70, 20, 70]
    write_json(
        root / "instances.json", coco(image={"width": 80, "height": 120}, annotation={"segmentation": [upright]})
    )
    project, report = imported("coco", root)
    np.testing.assert_array_equal(records(project)["a.jpg"].annotations[0].decode_mask(), mug_mask().T)
    assert not reasons(report)


def test_square_images_with_an_orientation_are_left_for_a_person(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "a.jpg", (90, 90), 6)
    write_json(root / "instances.json", coco(image={"width": 90, "height": 90}))
    project, report = imported("coco", root)
    assert records(project)["a.jpg"].state == "new"
    assert reasons(report) == {("image", "EXIF orientation: objects are taken as drawn on the upright image"): 1}


def test_names_that_would_control_a_terminal_are_escaped_in_the_report(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "a.jpg")
    values = coco()
    values["images"].append({**values["images"][0], "id": 2, "file_name": "\x1b[31m\ud800\n.jpg"})
    root.joinpath("x.json").write_text(json.dumps(values))
    lines = imported("coco", root)[1].summary()
    assert any("\\x1b[31m\\ud800\\n.jpg" in line for line in lines) and all(line.isprintable() for line in lines)
    json.dumps(lines, ensure_ascii=False).encode("utf-8")


@pytest.mark.parametrize("broken", ["instances_test.json", "instances_val.json"])
def test_a_damaged_file_among_others(broken: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "images/a.jpg")
    write_json(root / "annotations/instances_train.json", coco())
    (root / "annotations" / broken).write_text('{"images": [], "annotations": [', encoding="utf-8")
    project, report = imported(None, root)
    assert len(records(project)) == 1 and report.skipped_count == 1
    assert next(iter(report.skipped)) == ("file", "that is not valid JSON")


def test_a_damaged_file_alone_is_named(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "a.jpg")
    (root / "x.json").write_text('{"images": [], "annotations": [', encoding="utf-8")
    with pytest.raises(DataError, match=r"x\.json is not valid JSON"):
        imported("coco", root)


def test_a_list_of_images_without_annotations_is_counted(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_image(root / "images/a.jpg")
    write_json(root / "annotations/instances_train.json", coco())
    write_json(
        root / "annotations/image_info_test.json", {"images": [{"id": 5, "file_name": "t.jpg"}], "categories": []}
    )
    _, report = imported(None, root)
    assert list(report.skipped) == [("file", "with images, but without annotations")]
