"""Masks as image files: our list of masks, and folders of images and masks without one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refseg.annotation.importers import detect_format, import_from
from refseg.annotation.importers.source import Source
from refseg.annotation.project import Project
from refseg.errors import DataError
from refseg.video.formats import davis_palette
from tests.annotation.importers.data_sets import (
    MUG,
    SPOON,
    Imported,
    area_mask,
    label_array,
    read_data_set,
    write_array,
    write_image,
    write_text,
)

MASK = area_mask(MUG)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_image(tmp_path / "data" / "images" / "a.jpg")
    return tmp_path / "data"


def row(**values: Any) -> dict[str, Any]:
    known = {
        "image": "images/a.jpg",
        "mask": "masks/a.jpg/000.png",
        "category": "mug",
        "absent": False,
        "expressions": ["the mug"],
    }
    return {**known, "split": "", **values}


def read(root: Path, *rows: Any) -> Imported:
    write_text(root / "masks.json", list(rows))
    return read_data_set("png", root)


@pytest.mark.parametrize(
    ("array", "palette"),
    [
        (MASK.astype(np.uint8), None),
        (MASK.astype(np.uint8) * 255, None),
        (MASK, None),
        (MASK.astype(np.uint16) * 65535, None),
        (MASK.astype(np.uint8), davis_palette()),
        (np.repeat(MASK[..., None], 3, axis=2).astype(np.uint8) * 255, None),
        (np.concatenate([np.full((*MASK.shape, 3), 255), MASK[..., None] * 255], axis=2).astype(np.uint8), None),
        (np.kron(MASK, np.ones((2, 2), bool)), None),
    ],
)
def test_kinds_of_masks(array: np.ndarray, palette: list[int] | None, root: Path) -> None:
    write_array(root / "masks/a.jpg/000.png", array, palette)
    found = read(root, row())
    np.testing.assert_array_equal(found.annotations[0].decode_mask(), MASK)
    assert (found.areas, found.annotations[0].expressions, found.record.state) == (
        [("mug", 800)],
        ("the mug",),
        "accepted",
    )
    assert list(found.altered()) == (
        ["object mask scaled to the size of the image"]
        if len(array) > 80
        else ["object with a mask: the opaque part of an image with transparency"]
        if array.shape[2:] == (4,)
        else []
    )


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (5, "entry that names no image"),
        ({"mask": "masks/a.png"}, "entry that names no image"),
        (row(image="images/gone.jpg"), "entry whose image is not in the data set"),
        (row(image="../../etc/passwd"), "entry whose image is not in the data set"),
        (row(mask="masks/gone.png"), "object whose mask is not in the data set"),
        (row(mask="../masks.json"), "object with a mask that is not an image that can be read"),
        (row(mask=None), "object without a mask"),
        (row(mask="masks/empty.png"), "object with a mask that is empty"),
        (row(mask="masks/one.png"), "object with a mask that has one value only"),
        (row(mask="masks/several.png"), "object with a mask that has values other than 0 and one more"),
        (row(mask="masks/other.png"), "object with a mask of another shape than the image"),
        (row(expressions="\0", mask="masks/empty.png"), "object with a mask that is empty"),
        (row(absent=True, expressions=[]), "no-target entry without an expression"),
    ],
)
def test_one_bad_entry_is_counted_and_the_rest_imported(bad: Any, reason: str, root: Path) -> None:
    write_array(root / "masks/a.jpg/000.png", MASK)
    write_array(root / "masks/empty.png", np.zeros_like(MASK))
    write_array(root / "masks/one.png", np.full(MASK.shape, 9, np.uint8))
    write_array(root / "masks/several.png", label_array())
    write_array(root / "masks/other.png", area_mask(MUG, shape=(90, 90)))
    found = read(root, bad, row())
    assert found.areas == [("mug", 800)] and found.skipped() == {reason: 1}
    assert found.record.state == ("new" if reason.startswith("object") else "accepted")


def test_a_full_mask_is_imported_and_told(root: Path) -> None:
    write_array(root / "masks/a.jpg/000.png", np.full(MASK.shape, 255, np.uint8))
    found = read(root, row())
    assert found.annotations[0].decode_mask().all() and found.altered() == {
        "object with a mask: covers every pixel of the image": 1
    }


def test_no_target_entries_splits_states_and_images_without_masks(root: Path) -> None:
    write_array(root / "masks/a.jpg/000.png", MASK)
    write_image(root / "images/b.JPG")
    write_text(root / "images/.DS_Store", "x")
    write_text(root / "images/._a.jpg", b"x")
    write_text(root / "Thumbs.db", b"x")
    write_text(
        root / "images.json",
        [
            {"image": "images/a.jpg", "split": "val", "state": "corrected", "clip": "v", "frame": 2},
            {"image": "images/gone.jpg"},
        ],
    )
    found = read(root, row(split="train"), row(mask=None, absent=True, expressions=["the cat"], category=""))
    a, b = found.records["a.jpg"], found.records["b.jpg"] if "b.jpg" in found.records else found.records["b.JPG"]
    assert [(annotation.no_target, annotation.expressions) for annotation in a.annotations] == [
        (False, ("the mug",)),
        (True, ("the cat",)),
    ]
    assert (a.split, a.state, a.clip, a.frame) == ("val", "corrected", "v", 2) and (b.state, b.annotations) == (
        "new",
        (),
    )
    assert found.skipped() == {"entry that names no image": 1}


def test_names_written_elsewhere(root: Path) -> None:
    write_array(root / "masks/a.jpg/000.png", MASK)
    assert read(root, row(image="C:\\data\\images\\A.jpg", mask="/data/masks/a.jpg/000.png")).areas == [("mug", 800)]


@pytest.mark.parametrize("ending", ["", "_mask"])
@pytest.mark.parametrize("folder", ["masks", "Mask", "gt"])
def test_a_mask_for_each_image(folder: str, ending: str, root: Path) -> None:
    write_image(root / "images/b.jpg")
    write_image(root / "images/new.jpg")
    write_array(root / folder / f"a{ending}.png", MASK.astype(np.uint8))
    write_array(root / folder / f"b{ending}.png", label_array(), davis_palette())
    write_array(root / folder / "orphan.png", MASK)
    write_image(root / "preview/grid.png")
    assert detect_format(Source(root)) == "png"
    found = read_data_set(None, root)
    np.testing.assert_array_equal(found.records["a.jpg"].annotations[0].decode_mask(), MASK)
    numbered = found.records["b.jpg"].annotations
    assert [annotation.original_id for annotation in numbered] == [1, 2]
    np.testing.assert_array_equal(numbered[1].decode_mask(), area_mask(SPOON))
    assert found.records["new.jpg"].state == "new"
    assert found.altered() == {"mask file read as one object for each of its values": 1}
    assert found.skipped() == {"mask file that no image of images/ belongs to": 1, "image outside images/": 1}


def test_a_folder_of_masks_for_each_image(root: Path) -> None:
    for number, area in enumerate((MUG, SPOON)):
        write_array(root / f"masks/a/{number}.png", area_mask(area).astype(np.uint8) * 255)
    write_array(root / "masks/a/2.png", np.zeros(MASK.shape, np.uint8))
    found = read_data_set(None, root)
    assert found.areas == [("", 800), ("", 600)] and found.record.state == "new"
    assert found.skipped() == {"object with a mask that is empty": 1}


def test_a_folder_for_each_image_and_its_masks(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for name in ("0a1b", "2c3d"):
        write_image(root / "stage1_train" / name / "images" / f"{name}.png")
        for number, area in enumerate((MUG, SPOON)):
            write_array(
                root / "stage1_train" / name / "masks" / f"{number}ff.png", area_mask(area).astype(np.uint8) * 255
            )
    found = read_data_set(None, root)
    assert {name: len(record.annotations) for name, record in found.records.items()} == {"0a1b.png": 2, "2c3d.png": 2}
    assert not found.report.skipped


def test_splits_of_folders(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for split in ("train", "valid"):
        write_image(root / split / "images" / f"{split}.jpg")
        write_array(root / split / "masks" / f"{split}.png", MASK)
    found = read_data_set(None, root)
    assert {name: record.split for name, record in found.records.items()} == {"train.jpg": "train", "valid.jpg": "val"}


def test_masks_that_cannot_be_read_are_counted(root: Path) -> None:
    write_text(root / "masks/a.png", b"no image")
    write_image(root / "images/b.jpg")
    write_array(root / "masks/b.png", np.random.default_rng(0).integers(0, 256, (*MASK.shape, 3), dtype=np.uint8))
    found = read_data_set("png", root)
    assert all(not record.annotations for record in found.records.values())
    assert found.skipped() == {
        "object with a mask that is not an image that can be read": 1,
        "object with a mask that has colors other than one on black": 1,
    }


def test_what_has_no_masks_is_refused(root: Path, tmp_path: Path) -> None:
    for content in (None, {"a": 1}):
        if content is not None:
            write_text(root / "masks.json", content)
        with pytest.raises(DataError, match="choose another format"):
            import_from("png", root, Project.create(tmp_path / f"p{content}"))


def test_two_grey_levels_are_two_objects(root: Path) -> None:
    write_array(root / "masks/a.png", label_array(mug=128, spoon=255))
    assert [layer.original_id for layer in read_data_set(None, root).record.annotations] == [128, 255]


def test_what_a_border_covers_is_reported(root: Path) -> None:
    labels = label_array()
    labels[0, :40] = 255
    write_array(root / "masks/a.png", labels)
    found = read_data_set(None, root)
    assert len(found.record.annotations) == 2
    assert found.altered()["mask file without its pixels of 255, which are a border or left open"] == 1


def test_a_mask_of_another_name_is_told(root: Path) -> None:
    write_array(root / "masks/b.png", MASK)
    found = read_data_set(None, root)
    assert any("of another name than the only image" in reason for reason in found.altered())
