"""Hugging Face data sets as people and the `datasets` library write them, and what strangers may write. The files are
made with pyarrow alone.
"""

import io
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from refseg.annotation.importers import import_from
from refseg.annotation.importers.report import ImportReport
from refseg.annotation.project import Project
from refseg.annotation.records import AnnotatedImage
from refseg.data.masks import encode_rle
from refseg.errors import DataError, UnavailableError

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

SQUARE = [5.0, 10.0, 15.0, 10.0, 15.0, 20.0, 5.0, 20.0]
OTHER = [30.0, 10.0, 40.0, 10.0, 40.0, 20.0, 30.0, 20.0]
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def mask(left: int, value: int = 1) -> np.ndarray:
    found = np.zeros((40, 60), np.uint8)
    found[10:20, left : left + 10] = value
    return found


def encoded(pixels: np.ndarray, form: str = "PNG") -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, format=form)
    return data.getvalue()


def photo(number: int = 0, form: str = "PNG") -> bytes:
    return encoded(np.full((40, 60, 3), 40 + number, np.uint8), form)


def embedded(data: bytes | None, path: str | None = None) -> dict[str, Any]:
    return {"bytes": data, "path": path}


def table(rows: Sequence[Mapping[str, Any]], features: Any = None, **types: Any) -> Any:
    made = pa.Table.from_pylist(list(rows))
    for name, kind in types.items():
        made = made.set_column(made.column_names.index(name), name, pa.array([row[name] for row in rows], kind))
    return made.replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": features}})} if features else None
    )


def write_parquet(path: Path, rows: Sequence[Mapping[str, Any]], features: Any = None, **types: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table(rows, features, **types), path)


def write_saved(folder: Path, rows: Sequence[Mapping[str, Any]], features: Any = None, **types: Any) -> None:
    """What `save_to_disk` writes."""
    folder.mkdir(parents=True, exist_ok=True)
    made = table(rows, **types)
    with pa.ipc.new_stream(str(folder / "data-00000-of-00001.arrow"), made.schema) as stream:
        stream.write_table(made)
    (folder / "state.json").write_text(
        json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_split": None})
    )
    (folder / "dataset_info.json").write_text(json.dumps({"features": features or {}}))


def read(root: Path, tmp_path: Path, name: str | None = None) -> tuple[ImportReport, list[AnnotatedImage]]:
    project = Project.create(tmp_path / "project")
    report = import_from(name, root, project)
    assert str(tmp_path) not in json.dumps(report.to_json())
    return report, [project.record(entry.name) for entry in project.summaries]


def content(record: AnnotatedImage) -> list[tuple[Any, ...]]:
    return [
        (one.expressions, one.category, None if one.mask is None else int(one.decode_mask().sum()))
        for one in record.annotations
    ]


def skipped(report: ImportReport) -> dict[tuple[str, str], int]:
    return {key: tally.count for key, tally in report.skipped.items()}


OBJECTS = {
    "id": [10, 20],
    "bbox": [[5, 10, 10, 10], [30, 10, 10, 10]],
    "category": [0, 1],
    "segmentation": [[SQUARE], [OTHER]],
    "area": [100, 100],
}
FEATURES = {
    "image": {"_type": "Image"},
    "image_id": {"dtype": "int64", "_type": "Value"},
    "objects": {
        "feature": {"category": {"names": ["cat", "größer Hund"], "_type": "ClassLabel"}},
        "_type": "Sequence",
    },
}


@pytest.mark.parametrize("form", ["parquet", "saved", "dictionary"])
def test_embedded_images_with_columns_of_objects(form: str, tmp_path: Path) -> None:
    rows = [
        {"image": embedded(photo(number)), "image_id": 3 + number, "objects": OBJECTS, "weird": "x"}
        for number in range(2)
    ]
    root = tmp_path / "data"
    if form == "parquet":
        write_parquet(root / "data/test-00000-of-00001.parquet", rows, FEATURES, image=IMAGE)
    elif form == "saved":
        write_saved(root, rows, FEATURES, image=IMAGE)
    else:
        write_saved(root / "test", rows, FEATURES, image=IMAGE)
        (root / "dataset_dict.json").write_text('{"splits": ["test"]}')
    report, records = read(root, tmp_path)
    assert (report.format, report.images, report.objects) == ("datasets", 2, 4)
    assert skipped(report) == {("column", "of an unknown name, not read"): 1} and not report.altered
    assert content(records[0]) == [((), "cat", 100), ((), "größer Hund", 100)]
    assert [(one.original_id, one.category_id) for one in records[1].annotations] == [(10, 0), (20, 1)]
    split = "" if form == "saved" else "test"
    assert [(one.original_id, one.split, one.state) for one in records] == [
        (3, split, "accepted"),
        (4, split, "accepted"),
    ]
    assert records[0].name == f"{split or 'image'}-000001.png"


def test_one_row_per_expression_of_one_object(tmp_path: Path) -> None:
    """Rows that follow each other become one image, those with the same mask one object."""
    rows = [
        {
            "image": embedded(photo(number // 3)),
            "mask": embedded(encoded(mask(left, value))),
            "sentence": f"expression {number}",
        }
        for number, (left, value) in enumerate([(5, 255), (5, 255), (30, 1), (5, 255)])
    ]
    write_saved(tmp_path / "data", rows, image=IMAGE, mask=IMAGE)
    _, records = read(tmp_path / "data", tmp_path)
    assert list(map(content, records)) == [
        [(("expression 0", "expression 1"), "", 100), (("expression 2",), "", 100)],
        [(("expression 3",), "", 100)],
    ]


def test_refcoco_in_flat_rows(tmp_path: Path) -> None:
    """The image embedded with the name of its file, a polygon without an outer list, expressions in a list of
    answers.
    """
    rows = [
        {
            "question": "?",
            "image": embedded(photo(0, "JPEG")),
            "answer": ["left", "the left one"],
            "segmentation": SQUARE,
            "file_name": "COCO_1.jpg",
        },
        {
            "question": "?",
            "image": embedded(photo(0, "JPEG")),
            "answer": ["right"],
            "segmentation": OTHER,
            "file_name": "COCO_1.jpg",
        },
    ]
    write_parquet(tmp_path / "data/testA-00000-of-00001.parquet", rows, image=IMAGE)
    _, [record] = read(tmp_path / "data", tmp_path)
    assert (record.name, record.split) == ("COCO_1.jpg", "testA")
    assert content(record) == [(("left", "the left one"), "", 100), (("right",), "", 100)]


def test_images_named_by_paths_and_refs_with_sentences(tmp_path: Path) -> None:
    rows = [
        {
            "image_path": "/home/me/coco/imgs/b.png",
            "sentences": [
                {"raw": "Left!", "sent": "left", "sent_id": 1},
                {"raw": "L", "sent": "the left one", "sent_id": 2},
            ],
            "ann_id": 5,
            "category": "cup",
            "split": "testB",
            "segmentation": json.dumps([SQUARE]),
        }
    ]
    write_parquet(tmp_path / "data/train.parquet", rows)
    (tmp_path / "data/imgs").mkdir()
    (tmp_path / "data/imgs/b.png").write_bytes(photo())
    _, [record] = read(tmp_path / "data", tmp_path)
    assert (record.name, record.original_name, record.split, record.annotations[0].original_id) == (
        "b.png",
        "imgs/b.png",
        "testB",
        5,
    )
    assert content(record) == [(("left", "the left one"), "cup", 100)]


@pytest.mark.parametrize("quoted", [json.dumps, str])
def test_metadata_csv(quoted: Any, tmp_path: Path) -> None:
    """Nested values as JSON, or as pandas writes them; names in any script, in UTF-8 with a mark."""
    folder = tmp_path / "data/validation"
    folder.mkdir(parents=True)
    (folder / "чашка.png").write_bytes(photo())
    text = (
        "file_name,text,segmentation\nчашка.png,the"
        f' cup,"{quoted([SQUARE]).replace(chr(34), chr(34) * 2)}"\nnone.png,x,\n'
    )
    (folder / "metadata.csv").write_text("\ufeff" + text, encoding="utf-8")
    report, [record] = read(tmp_path / "data", tmp_path)
    assert (record.name, record.split, content(record)) == ("чашка.png", "validation", [(("the cup",), "", 100)])
    assert skipped(report) == {("row", "whose image is not in the data set"): 1}


def test_metadata_jsonl_of_somebody_else(tmp_path: Path) -> None:
    """A folder without splits: a caption alone, columns that are missing, a byte order mark, blank lines."""
    root = tmp_path / "data"
    root.mkdir()
    for number, name in enumerate(("a.png", "b.png")):
        (root / name).write_bytes(photo(number))
    rows = [
        {"file_name": "a.png", "text": "a dog"},
        {"file_name": "b.png", "objects": {"segmentation": [[SQUARE]], "category": [None]}},
    ]
    (root / "metadata.jsonl").write_text("\ufeff" + "\n\n".join(map(json.dumps, rows)), encoding="utf-8")
    report, records = read(root, tmp_path)
    assert [(record.state, record.split, content(record)) for record in records] == [
        ("new", "", []),
        ("accepted", "", [((), "", 100)]),
    ]
    assert skipped(report) == {("object", "without a mask"): 1}


def test_the_former_layout_of_this_project(tmp_path: Path) -> None:
    """The category "object" stood for none."""
    folder = tmp_path / "data/data/val"
    folder.mkdir(parents=True)
    (folder / "dog.png").write_bytes(photo())
    objects = {
        "expressions": [["it"], []],
        "category": ["object", "cup"],
        "bbox": [[0, 0, 1, 1]] * 2,
        "segmentation": [encode_rle(mask(left) > 0) for left in (0, 30)],
    }
    row = {"file_name": "dog.png", "width": 60, "height": 40, "objects": objects, "absent": [["a whale", "Moby"]]}
    (folder / "metadata.jsonl").write_text(json.dumps(row), encoding="utf-8")
    report, [record] = read(tmp_path / "data", tmp_path)
    assert content(record) == [(("it",), "", 100), ((), "cup", 100), (("a whale", "Moby"), "", None)]
    assert (record.split, report.no_target, report.skipped) == ("val", 1, {})


def test_every_form_of_a_mask(tmp_path: Path) -> None:
    forms = [
        encode_rle(mask(5) > 0),
        json.dumps(encode_rle(mask(5) > 0)),
        [SQUARE],
        SQUARE,
        [list(pair) for pair in zip(SQUARE[::2], SQUARE[1::2], strict=True)],
        mask(5).tolist(),
        {"size": [40, 60], "counts": [210, 10, *[30, 10] * 9, 1820]},
        [210, 10, *[30, 10] * 9, 1820],
        "mask.png",
    ]
    root = tmp_path / "data"
    root.mkdir()
    (root / "mask.png").write_bytes(encoded(mask(5, 255)))
    for number in range(len(forms)):
        (root / f"{number}.png").write_bytes(photo(number))
    lines = [
        json.dumps({"file_name": f"{number}.png", "mask": form, "expression": "it"})
        for number, form in enumerate(forms)
    ]
    (root / "metadata.jsonl").write_text("\n".join(lines))
    report, records = read(root, tmp_path)
    assert report.skipped == {} and len(records) == len(forms)
    for record in records:
        np.testing.assert_array_equal(record.annotations[0].decode_mask(), mask(5) > 0)


def test_a_mask_image_with_several_numbers(tmp_path: Path) -> None:
    """Without an expression each number is an object, 255 the border; with one it cannot be told which is meant."""
    several = mask(5) + mask(20, 2) + mask(40, 255)
    rows = [
        {"image": embedded(photo(0)), "label": embedded(encoded(several)), "text": None},
        {"image": embedded(photo(1)), "label": embedded(encoded(several)), "text": "the cup"},
        {"image": embedded(photo(2)), "label": embedded(encoded(mask(5) * 0)), "text": "nothing"},
    ]
    write_parquet(tmp_path / "data/train.parquet", rows, image=IMAGE, label=IMAGE)
    report, records = read(tmp_path / "data", tmp_path)
    assert [content(record) for record in records] == [[((), "", 100), ((), "", 100)], [], []]
    assert [record.state for record in records] == ["accepted", "new", "new"]
    assert [one.original_id for one in records[0].annotations] == [1, 2]
    assert report.skipped_count == 3


@pytest.mark.parametrize(
    ("objects", "reason"),
    [
        ({"segmentation": [[SQUARE], [OTHER]], "category": ["cup"]}, "objects have columns of different lengths"),
        ({"segmentation": [[SQUARE], 5]}, "with a polygon"),
        ({"segmentation": [[SQUARE], {"size": [40, 60], "counts": "x"}]}, "with a mask"),
        ({"segmentation": [[SQUARE], {"size": [1, 1], "counts": [1]}]}, "with a"),
        ({"segmentation": [[SQUARE], encode_rle(mask(5) * 0 > 0)]}, "with an empty mask"),
        ({"segmentation": [[SQUARE], None]}, "without a mask"),
        ({"segmentation": [[SQUARE], "none.png"]}, "whose mask image is missing"),
        ([{"segmentation": [SQUARE]}, 5], "an object is not a mapping"),
    ],
)
def test_one_bad_object_leaves_the_others(objects: Any, reason: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    (root / "a.png").write_bytes(photo())
    (root / "metadata.jsonl").write_text(json.dumps({"file_name": "a.png", "objects": objects}))
    report, [record] = read(root, tmp_path)
    assert (100 in [pixels for *_, pixels in content(record)]) and record.state == "new"
    assert any(noun == "object" and said.startswith(reason) for noun, said in report.skipped)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("[", ("row", "is not valid JSON")),
        ("[" * 100_000, ("row", "is not valid JSON")),
        ("5", ("row", "is not a JSON object")),
        ({}, ("row", "without an image")),
        ({"file_name": 5}, ("row", "without an image")),
        ({"file_name": "none.png"}, ("row", "whose image is not in the data set")),
        ({"file_name": "../../secret.png"}, ("row", "whose image is not in the data set")),
        ({"file_name": "/etc/passwd"}, ("row", "whose image is not in the data set")),
        ({"file_name": "text.png"}, ("image", "that cannot be read")),
        ({"file_name": "b.png", "objects": 5}, ("object", "objects are neither a list nor columns")),
        ({"file_name": "b.png", "absent": 5}, ("object", "no-target entries are not a list")),
        ({"file_name": "b.png", "absent": [5]}, ("object", "a no-target entry is not a list of texts")),
    ],
)
def test_one_bad_row_leaves_the_others(line: Any, what: tuple[str, str], tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    (tmp_path / "secret.png").write_bytes(photo())
    (root / "text.png").write_text("text")
    for name in ("a.png", "b.png"):
        (root / name).write_bytes(photo(ord(name[0])))
    good = json.dumps({"file_name": "a.png", "objects": {"segmentation": [[SQUARE]]}})
    (root / "metadata.jsonl").write_text(f"{line if isinstance(line, str) else json.dumps(line)}\n{good}\n")
    report, records = read(root, tmp_path)
    assert records[-1].name == "a.png" and records[-1].state == "accepted"
    assert skipped(report) == {what: 1}


def test_a_line_without_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refseg.annotation.importers.datasets.tables.MAX_ROW_BYTES", 1000)
    root = tmp_path / "data"
    root.mkdir()
    (root / "a.png").write_bytes(photo())
    (root / "metadata.jsonl").write_text(
        json.dumps({"file_name": "a.png", "text": "x" * 5000}) + "\n" + json.dumps({"file_name": "a.png"})
    )
    report, records = read(root, tmp_path)
    assert len(records) == 1 and report.skipped_count == 1


def test_embedded_bytes_that_are_no_image_or_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refseg.annotation.importers.datasets.images.MAX_BYTES", 2000)
    rows = [{"image": embedded(data)} for data in (b"text", photo(), b"x" * 3000, None)]
    write_parquet(tmp_path / "data/train.parquet", rows, image=IMAGE)
    report, records = read(tmp_path / "data", tmp_path)
    assert len(records) == 1
    assert skipped(report) == {
        ("image", "that cannot be read"): 1,
        ("image", "has more than 2,000 bytes"): 1,
        ("row", "without an image"): 1,
    }


@pytest.mark.parametrize(
    "path", ["../../x.png", "/etc/passwd", "..\\x.png", "a\0b.png", "con.png", "x" * 5000, "чашка"]
)
def test_names_of_embedded_images_lead_nowhere(path: str, tmp_path: Path) -> None:
    write_parquet(tmp_path / "data/train.parquet", [{"image": embedded(photo(), path)}], image=IMAGE)
    _, [record] = read(tmp_path / "data", tmp_path)
    assert Path(record.name).name == record.name and (tmp_path / "project/images" / record.name).is_file()
    assert {one.name for one in tmp_path.iterdir()} == {"data", "project"}


@pytest.mark.parametrize("form", ["stream", "parquet"])
def test_a_file_that_was_cut_off(form: str, tmp_path: Path) -> None:
    """A stream is read as far as it goes; a Parquet file has its directory at its end. Others are read all the same."""
    root = tmp_path / "data"
    rows = [
        {"image": embedded(encoded(np.random.default_rng(number).integers(0, 255, (40, 60, 3), np.uint8)))}
        for number in range(4)
    ]
    write_parquet(root / "good.parquet", rows[:1], image=IMAGE)
    path = root / ("bad.parquet" if form == "parquet" else "bad.arrow")
    if form == "parquet":
        write_parquet(path, rows, image=IMAGE)
    else:
        made = table(rows, image=IMAGE)
        with pa.ipc.new_stream(str(path), made.schema) as stream:
            stream.write_table(made, max_chunksize=1)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    report, records = read(root, tmp_path)
    assert len(records) == (1 if form == "parquet" else 3)
    assert sum(tally.count for (noun, _), tally in report.skipped.items() if noun == "file") == 1
    path.write_bytes(path.read_bytes()[:100])
    (root / "good.parquet").unlink()
    with pytest.raises(DataError, match=r"^bad\.\w+ cannot be read"):
        import_from("datasets", root, Project.create(tmp_path / "again"))


def test_without_pyarrow_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "data"
    write_parquet(root / "train.parquet", [{"image": embedded(photo())}], image=IMAGE)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UnavailableError, match=r"pip install 'refseg\[datasets\]'"):
        import_from(None, root, Project.create(tmp_path / "project"))
    (root / "a.png").write_bytes(photo())
    (root / "metadata.jsonl").write_text(json.dumps({"file_name": "a.png"}))
    report, records = read(root, tmp_path / "other")
    assert len(records) == 1 and skipped(report) == {("file", "cannot be read"): 1}


def test_boxes_alone_are_reported_and_need_a_look(tmp_path: Path) -> None:
    rows = [
        {"image": embedded(photo(number)), "objects": {"bbox": [box], "category": ["cup"]}}
        for number, box in enumerate([[5, 10, 10, 10], [35, 25, 55, 35]])
    ]
    write_parquet(tmp_path / "data/train.parquet", rows, image=IMAGE)
    report, records = read(tmp_path / "data", tmp_path)
    assert [(content(record), record.state) for record in records] == [
        ([((), "cup", 100)], "new"),
        ([((), "cup", 200)], "new"),
    ]
    assert report.altered["object", "without a mask, its box was filled"].count == 2


def test_annotations_of_another_size_are_scaled(tmp_path: Path) -> None:
    row = {
        "image": embedded(photo()),
        "width": 120,
        "height": 80,
        "objects": {"segmentation": [[[2 * side for side in SQUARE]]]},
    }
    write_parquet(tmp_path / "data/train.parquet", [row], image=IMAGE)
    report, [record] = read(tmp_path / "data", tmp_path)
    np.testing.assert_array_equal(record.annotations[0].decode_mask(), mask(5) > 0)
    assert ("image", "masks scaled to the size of the image") in report.altered


def test_an_import_is_followed_and_stopped(tmp_path: Path) -> None:
    rows = [{"image": embedded(photo(number))} for number in (0, 1, 1, 2)]
    write_parquet(tmp_path / "data/train.parquet", rows, image=IMAGE)
    seen = []
    import_from(
        "datasets",
        tmp_path / "data",
        Project.create(tmp_path / "one"),
        lambda done, total: seen.append((done, total)),
    )
    assert seen == [(1, 4), (3, 4), (4, 4)]

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    project = Project.create(tmp_path / "two")
    with pytest.raises(KeyboardInterrupt):
        import_from("datasets", tmp_path / "data", project, stop)
    assert not project.summaries
