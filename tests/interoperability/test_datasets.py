"""The folder that Hugging Face `datasets` loads, and what the library itself writes, read by the importer."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from refseg.annotation.exporters import export_to
from refseg.annotation.importers import import_from
from refseg.annotation.project import Project
from refseg.annotation.records import Annotation
from refseg.data.masks import decode_rle, encode_rle
from tests.interoperability.conftest import Export, objects

datasets = pytest.importorskip("datasets")
pytestmark = pytest.mark.filterwarnings("ignore")


def test_load_dataset(export: Export, tmp_path: Path) -> None:
    data = datasets.load_dataset(str(export("datasets")), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in data.items()} == {"train": 3, "val": 2}
    assert data["train"].features == data["val"].features
    for rows in data.values():
        for row in rows:
            assert row["image"].size == (120, 80)
            masks = row["objects"]
            masks = masks["segmentation"] if isinstance(masks, dict) else [one["segmentation"] for one in masks]
            for run_lengths, mask in zip(masks, objects(), strict=True):
                np.testing.assert_array_equal(decode_rle(run_lengths), mask)


def square(left: int) -> Any:
    """Run lengths of a square in an image of 40 x 60."""
    mask = np.zeros((40, 60), bool)
    mask[10:20, left : left + 10] = True
    return encode_rle(mask)


def made(tmp_path: Path, images: Sequence[tuple[str, str, Sequence[Annotation]]]) -> Project:
    """A project with images of these names, splits and annotations."""
    project = Project.create(tmp_path / "project")
    for number, (name, split, annotations) in enumerate(images):
        path = tmp_path / f"{number}{Path(name).suffix or '.png'}"
        Image.fromarray(np.full((40, 60, 3), number, np.uint8)).save(path, "JPEG" if path.suffix == ".jpg" else "PNG")
        record = project.add_image(path, name=name)
        project.save(replace(record, split=split, annotations=tuple(annotations), state="accepted"))
    return project


SAID, UNSAID = Annotation("1", ("the cup",), "cup", mask=square(5)), Annotation("2", (), "cup", mask=square(30))
ABSENT = Annotation("3", ("a whale",), no_target=True)


@pytest.mark.parametrize("installed", [True, False])
@pytest.mark.parametrize(
    "splits",
    [
        {"train": [SAID, ABSENT], "val": [SAID]},
        {"train": [SAID], "val": [SAID, ABSENT]},
        {"train": [UNSAID], "val": [UNSAID]},
        {"train": [SAID], "val": []},
        {"train": [], "val": [ABSENT]},
        {"train": []},
        {"train": [SAID], "test": [UNSAID], "val": [ABSENT]},
    ],
)
def test_splits_load_whatever_columns_are_empty_in_them(
    splits: dict[str, list[Annotation]], installed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = made(tmp_path, [(f"{split}.png", split, annotations) for split, annotations in splits.items()])
    with monkeypatch.context() as patch:
        if not installed:
            patch.setitem(sys.modules, "pyarrow", None)
        export_to("datasets", project, tmp_path / "out")
    data = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in data.items()} == dict.fromkeys(splits, 1)
    features = [rows.features for rows in data.values()]
    assert all(one == features[0] for one in features) and "null" not in str(features[0])
    for split, annotations in splits.items():
        [row] = data[split]
        if installed:
            assert row["absent"] == [list(one.expressions) for one in annotations if one.no_target]
            assert row["objects"]["expressions"] == [list(one.expressions) for one in annotations if not one.no_target]
    streamed = datasets.load_dataset(str(tmp_path / "out"), streaming=True, cache_dir=str(tmp_path / "streamed"))
    assert [row["image"].size for rows in streamed.values() for row in rows] == [(60, 40)] * len(splits)


NAMES = [
    "чашка 1.png",
    "a.csv.png",
    "clip.mp4.jpg",
    "__a.png",
    "猫.jpg",
    "a[1]{2}.png",
    "a%20b#c.png",
    "scan.dat",
    "a, 'b'.png",
    "a.json.png",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_files(name: str, tmp_path: Path) -> None:
    """One image alone, as its suffix then decides for the library what kind of data set it is. All files match the
    patterns of the card, by which the library finds them on the Hub."""
    export_to("datasets", made(tmp_path, [(name, "train", [SAID])]), tmp_path / "out")
    data = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    [row] = data["train"]
    assert row["image"].size == (60, 40) and row["source"]["name"] == name
    builder = datasets.load_dataset_builder(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    found = {Path(file).name for file in builder.config.data_files["train"]}
    assert found == {path.name for path in (tmp_path / "out/data/train").iterdir()}


def test_names_of_splits(tmp_path: Path) -> None:
    splits = [
        "all",
        "2017",
        "परीक्षण",
        "größe",
        "a-b",
        "a_b",
        "Test",
        "test",
        "train[:10%]",
        "null",
        "__x",
        ".",
        "train+test",
    ]
    project = made(tmp_path, [(f"{number}.png", split, [SAID]) for number, split in enumerate(splits)])
    export_to("datasets", project, tmp_path / "out")
    data = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert sorted(row["source"]["split"] for rows in data.values() for row in rows) == sorted(splits)
    for split in data:
        assert len(datasets.load_dataset(str(tmp_path / "out"), split=split, cache_dir=str(tmp_path / "cache"))) == 1


def written(number: int) -> dict[str, Any]:
    """A row as people keep detection and segmentation data in the library."""
    image = Image.fromarray(np.full((40, 60, 3), number, np.uint8))
    polygon = [5.0, 10.0, 15.0, 10.0, 15.0, 20.0, 5.0, 20.0]
    objects = {
        "category": [1],
        "bbox": [[5.0, 10.0, 10.0, 10.0]],
        "segmentation": [[polygon]],
        "caption": [["the cup", "a cup"]],
    }
    return {
        "image": image,
        "image_id": number,
        "objects": objects,
        "mask": Image.fromarray(decode_rle(square(5)).astype(np.uint8) * 255),
    }


@pytest.mark.parametrize("how", ["save_to_disk", "dictionary", "shards", "parquet", "folder"])
def test_what_the_library_writes_is_imported(how: str, tmp_path: Path) -> None:
    sides = datasets.Sequence(datasets.Value("float32"))
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "image_id": datasets.Value("int64"),
            "objects": datasets.Sequence(
                {
                    "category": datasets.ClassLabel(names=["dog", "größter Hund"]),
                    "bbox": sides,
                    "segmentation": datasets.Sequence(sides),
                    "caption": datasets.Sequence(datasets.Value("string")),
                }
            ),
        }
    )
    rows = [{name: value for name, value in written(number).items() if name != "mask"} for number in range(4)]
    data, out = datasets.Dataset.from_list(rows, features=features), tmp_path / "out"
    if how == "save_to_disk":
        data.save_to_disk(out)
    elif how == "shards":
        data.save_to_disk(out, num_shards=2)
    elif how == "dictionary":
        datasets.DatasetDict({"train": data.select(range(3)), "test": data.select([3])}).save_to_disk(out)
    else:
        out.mkdir()
        data.to_parquet(out / ("train-00000-of-00001.parquet" if how == "parquet" else "0000.parquet"))
    project = Project.create(tmp_path / "project")
    report = import_from(None, out, project)
    assert (report.format, report.images, report.objects, report.skipped, report.altered) == (
        "datasets",
        4,
        4,
        {},
        {},
    )
    records = [project.record(entry.name) for entry in project.summaries]
    expected = {"dictionary": ["test", "train", "train", "train"], "parquet": ["train"] * 4}.get(how, [""] * 4)
    assert sorted(record.split for record in records) == expected
    assert sorted(record.original_id for record in records) == [0, 1, 2, 3]
    for record in records:
        [one] = record.annotations
        assert (one.expressions, one.category, one.category_id) == (("the cup", "a cup"), "größter Hund", 1)
        assert one.mask == square(5)


def test_masks_as_images_are_imported(tmp_path: Path) -> None:
    rows = [
        {"image": written(0)["image"], "mask": written(0)["mask"], "sentence": text} for text in ("the cup", "a cup")
    ]
    features = datasets.Features(
        {"image": datasets.Image(), "mask": datasets.Image(), "sentence": datasets.Value("string")}
    )
    datasets.Dataset.from_list(rows, features=features).save_to_disk(tmp_path / "out")
    project = Project.create(tmp_path / "project")
    import_from(None, tmp_path / "out", project)
    [entry] = project.summaries
    [one] = project.record(entry.name).annotations
    assert one.expressions == ("the cup", "a cup") and one.mask == square(5)
