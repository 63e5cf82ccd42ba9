import copy
import json

import numpy as np
import pytest

from refseg.data.masks import encode_rle
from refseg.data.refcoco import read_refcoco
from refseg.errors import DataError

SQUARE = [[2, 2, 6, 2, 6, 6, 2, 6]]

COCO = {
    "images": [
        {
            "id": 1,
            "file_name": "a.jpg",
            "width": 12,
            "height": 10,
            "split": "train",
            "source": "here",
            "captions": ["a dog"],
        },
        {"id": 2, "file_name": "b.jpg", "width": 12, "height": 10},
    ],
    "categories": [{"id": 7, "name": "dog"}],
    "annotations": [
        {"id": 10, "image_id": 1, "category_id": 7, "segmentation": SQUARE},
        {
            "id": 11,
            "image_id": 2,
            "category_id": 7,
            "segmentation": encode_rle(np.eye(10, 12, dtype=bool)),
            "iscrowd": 1,
        },
    ],
}
REFS = [
    {"ref_id": 0, "ann_id": 10, "image_id": 1, "split": "train", "sentences": [{"sent": "a dog"}, {"sent": "the dog"}]},
    {"ref_id": 1, "ann_id": 11, "image_id": 2, "split": "val", "sentences": [{"sent": "the other dog"}]},
]


def write(root, coco=COCO, refs=REFS):
    (root / "images").mkdir(exist_ok=True)
    (root / "instances.json").write_text(json.dumps(coco))
    (root / "expressions.json").write_text(json.dumps(refs))
    return root


def test_reads_everything(tmp_path):
    dataset = read_refcoco(write(tmp_path))
    first, second = dataset.images
    assert (first.source, first.captions, first.split) == ("here", ("a dog",), "train")
    assert second.split == "val", "taken from the refs when the image has none"
    assert dataset.categories == ("dog",)
    (instance,) = dataset.instances_of(first)
    assert instance.mask(10, 12).sum() == 16 and not instance.crowd
    assert dataset.instances_of(second)[0].crowd
    assert np.array_equal(dataset.instances_of(second)[0].mask(10, 12), np.eye(10, 12, dtype=bool))
    assert dataset.referents_of(first)[0].expressions == ("a dog", "the dog")
    assert dataset.referents_of(first)[0].instance is instance


def test_split_keeps_its_images_and_referents(tmp_path):
    dataset = read_refcoco(write(tmp_path), split="val")
    assert [image.id for image in dataset.images] == [2]
    assert [referent.ref_id for referent in dataset.referents] == [1]
    with pytest.raises(DataError, match="train, val"):
        read_refcoco(tmp_path, split="test")


def test_sentences_about_what_is_absent(tmp_path):
    absent = {
        "ref_id": 2,
        "ann_id": -1,
        "image_id": 2,
        "no_target": True,
        "sentences": [{"sent": "the cat"}, {"sent": "a cat"}],
    }
    dataset = read_refcoco(write(tmp_path, refs=[*REFS, absent]))
    assert [dataset.no_target_expressions_of(image) for image in dataset.images] == [(), ("the cat", "a cat")]
    assert [referent.ref_id for referent in dataset.referents] == [0, 1]
    val = read_refcoco(tmp_path, "val")
    assert (
        val.no_target_expressions_of(val.images[0]) == ("the cat", "a cat")
        and not read_refcoco(tmp_path, "train").no_target_refs
    )
    with pytest.raises(DataError, match=r"refs\[2\] has image_id = 7"):
        read_refcoco(write(tmp_path, refs=[*REFS, {**absent, "image_id": 7}]))


def test_path_must_stay_inside_images(tmp_path):
    coco = copy.deepcopy(COCO)
    write(tmp_path)
    (tmp_path / "images" / "a.jpg").write_bytes(b"x")
    assert read_refcoco(tmp_path).path_of(read_refcoco(tmp_path).images[0]) == tmp_path / "images" / "a.jpg"
    (tmp_path / "images" / "link.jpg").symlink_to(tmp_path / "instances.json")
    for name in ("../instances.json", "/etc/hostname", "link.jpg", "missing.jpg", "..\\a.jpg", "a\0b.jpg", "."):
        coco["images"][0]["file_name"] = name
        dataset = read_refcoco(write(tmp_path, coco))
        with pytest.raises(DataError, match="image 1"):
            dataset.path_of(dataset.images[0])


def change(path, value):
    def apply(coco, refs):
        target = {"coco": coco, "refs": refs}
        for key in path[:-1]:
            target = target[key]
        if value is ...:
            del target[path[-1]]
        else:
            target[path[-1]] = value

    return apply


@pytest.mark.parametrize(
    ("path", "value", "entry"),
    [
        (("coco", "images"), ..., "images"),
        (("coco", "images", 1), 3, r"images\[1\]"),
        (("coco", "images", 1, "id"), 1, r"images\[1\].*repeats"),
        (("coco", "images", 1, "width"), 0, r"images\[1\].*width"),
        (("coco", "images", 1, "height"), "10", r"images\[1\].*height"),
        (("coco", "images", 1, "width"), 10**9, r"images\[1\].*pixels"),
        (("coco", "images", 0, "file_name"), "", r"images\[0\].*file_name"),
        (("coco", "categories", 0, "name"), None, r"categories\[0\]"),
        (("coco", "annotations", 0, "image_id"), 99, r"annotations\[0\].*image_id = 99"),
        (("coco", "annotations", 0, "category_id"), 99, r"annotations\[0\].*category_id"),
        (("coco", "annotations", 1, "id"), 10, r"annotations\[1\].*repeats"),
        (("coco", "annotations", 1, "id"), True, r"annotations\[1\].*whole number"),
        (("coco", "annotations", 0, "segmentation"), 5, r"annotations\[0\].*segmentation"),
        (("refs", 0, "ann_id"), 99, r"refs\[0\].*ann_id"),
        (("refs", 0, "image_id"), 2, r"refs\[0\].*image_id"),
        (("refs", 1, "sentences"), [], r"refs\[1\].*sentences"),
        (("refs", 1, "sentences", 0), {"sent": " "}, r"refs\[1\].*sentence"),
        (("refs", 1, "split"), 3, r"refs\[1\].*split"),
        (("refs", 1), None, r"refs\[1\]"),
    ],
)
def test_malformed_entries_are_named(tmp_path, path, value, entry):
    coco, refs = copy.deepcopy(COCO), copy.deepcopy(REFS)
    change(path, value)(coco, refs)
    with pytest.raises(DataError, match=entry) as caught:
        read_refcoco(write(tmp_path, coco, refs))
    assert ("expressions.json" if path[0] == "refs" else "instances.json") in str(caught.value)


def test_malformed_segmentation_names_the_annotation(tmp_path):
    coco = copy.deepcopy(COCO)
    coco["annotations"][0]["segmentation"] = [[1, 2]]
    dataset = read_refcoco(write(tmp_path, coco))
    with pytest.raises(DataError, match="annotation 10"):
        dataset.referents[0].instance.mask(10, 12)


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "\xff", "[" * 100_000])
def test_files_that_are_no_coco_are_refused(tmp_path, text):
    write(tmp_path)
    (tmp_path / "instances.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=r"instances\.json"):
        read_refcoco(tmp_path)


def test_missing_files_and_wrong_top_level(tmp_path):
    with pytest.raises(DataError, match=r"instances\.json"):
        read_refcoco(tmp_path)
    write(tmp_path, refs={})
    with pytest.raises(DataError, match=r"expressions\.json"):
        read_refcoco(tmp_path)
