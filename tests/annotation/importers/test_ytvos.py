"""Videos in the layouts in which they are published, and what is wrong in them."""

import json
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
from refseg.errors import DataError
from refseg.video.formats import palette_png

SHAPE = (40, 60)


def numbers(*boxes: tuple[int, int], shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """(H, W) with squares of 10 pixels: (left, number)."""
    found = np.zeros(shape, np.uint8)
    for left, number in boxes:
        found[10:20, left : left + 10] = number
    return found


def run_lengths(left: int) -> Any:
    return encode_rle(numbers((left, 1)) > 0)


def write_json(path: Path, values: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(values if isinstance(values, str) else json.dumps(values), encoding="utf-8")


def write_image(path: Path, shape: tuple[int, int] = SHAPE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*shape, 3), 90, np.uint8)).save(path)


def write_numbers(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(palette_png(values))


@pytest.fixture
def ref_youtube_vos(tmp_path: Path) -> Path:
    """As published: splits as folders, expressions beside them; valid without masks and objects."""
    root = tmp_path / "data"
    for split, video in (("train", "003234408d"), ("valid", "0062f687f1")):
        for frame in ("00000", "00005"):
            write_image(root / split / "JPEGImages" / video / f"{frame}.jpg")
    write_numbers(root / "train/Annotations/003234408d/00000.png", numbers((0, 1), (20, 2)))
    write_numbers(root / "train/Annotations/003234408d/00005.png", numbers((5, 1)))
    expressions = {
        "0": {"exp": "a penguin is on the left", "obj_id": "1"},
        "1": {"exp": "the penguin in front", "obj_id": "1"},
        "2": {"exp": "a penguin on the right", "obj_id": "2"},
    }
    train = {"003234408d": {"expressions": expressions, "frames": ["00000", "00005"]}}
    valid = {
        "0062f687f1": {"expressions": {"0": {"exp": "a dog"}, "1": {"exp": "a cat"}}, "frames": ["00000", "00005"]}
    }
    write_json(root / "meta_expressions/train/meta_expressions.json", {"videos": train})
    write_json(root / "meta_expressions/valid/meta_expressions.json", {"videos": valid})
    objects = {
        "1": {"category": "penguin", "frames": ["00000", "00005"]},
        "2": {"category": "object", "frames": ["00000"]},
    }
    write_json(root / "train/meta.json", {"videos": {"003234408d": {"objects": objects}}})
    return root


@pytest.fixture
def mevis(tmp_path: Path) -> Path:
    """As published: several objects per expression, run lengths by annotation id and frame, null where an object is
    not seen.
    """
    root = tmp_path / "data" / "MeViS_release"
    for frame in ("00000", "00001"):
        write_image(root / "train/JPEGImages/0a1f" / f"{frame}.jpg")
        write_image(root / "valid/JPEGImages/1b2c" / f"{frame}.jpg")
    expressions = {
        "0": {"exp": "the two birds", "obj_id": [0, 1], "anno_id": [7, 8]},
        "1": {"exp": "the bird on the left", "obj_id": [0], "anno_id": [7]},
        "2": {"exp": "the elephant", "obj_id": [], "anno_id": []},
    }
    write_json(
        root / "train/meta_expressions.json",
        {"videos": {"0a1f": {"expressions": expressions, "vid_id": 1, "frames": ["00000", "00001"]}}},
    )
    write_json(
        root / "train/mask_dict.json",
        {"7": [run_lengths(0), run_lengths(5)], "8": [None, run_lengths(30)], "99": [None, None]},
    )
    valid = {"1b2c": {"expressions": {"0": {"exp": "a bird"}}, "frames": ["00000", "00001"]}}
    write_json(root / "valid/meta_expressions.json", {"videos": valid})
    return root.parent


def read(root: Path, tmp_path: Path, name: str | None = None) -> tuple[ImportReport, dict[str, AnnotatedImage]]:
    project = Project.create(tmp_path / "project")
    report = import_from(name, root, project)
    assert str(tmp_path) not in json.dumps(report.to_json())
    return report, {entry.name: project.record(entry.name) for entry in project.summaries}


def content(record: AnnotatedImage) -> list[tuple[Any, ...]]:
    return [
        (one.original_id, one.expressions, one.category, None if one.mask is None else int(one.decode_mask().sum()))
        for one in record.annotations
    ]


def skipped(report: ImportReport) -> dict[tuple[str, str], int]:
    return {key: tally.count for key, tally in report.skipped.items()}


def test_ref_youtube_vos_as_published(ref_youtube_vos: Path, tmp_path: Path) -> None:
    report, records = read(ref_youtube_vos, tmp_path)
    assert (report.format, report.images, report.objects, report.altered) == ("ytvos", 4, 3, {})
    assert skipped(report) == {("expression", "does not say which object it refers to"): 2}
    first, second = records["003234408d-00000.jpg"], records["003234408d-00005.jpg"]
    said = ("a penguin is on the left", "the penguin in front")
    assert content(first) == [(1, said, "penguin", 100), (2, ("a penguin on the right",), "object", 100)]
    assert content(second) == [(1, said, "penguin", 100)]
    assert (second.clip, second.frame, second.split, second.state) == ("003234408d", 5, "train", "accepted")
    assert second.original_name == "train/JPEGImages/003234408d/00005.jpg"
    test = records["0062f687f1-00005.jpg"]
    assert (test.split, test.state, test.annotations) == ("valid", "new", ())


def test_mevis_as_published(mevis: Path, tmp_path: Path) -> None:
    report, records = read(mevis, tmp_path)
    assert (report.format, report.images, report.objects, report.no_target) == ("ytvos", 4, 3, 2)
    assert skipped(report) == {
        ("expression", "does not say which object it refers to"): 1,
        ("object", "in mask_dict.json, but no expression refers to it"): 1,
    }
    birds, left = "the two birds", "the bird on the left"
    assert content(records["0a1f-00000.jpg"]) == [(0, (birds, left), "", 100), (None, ("the elephant",), "", None)]
    assert content(records["0a1f-00001.jpg"])[:2] == [(0, (birds, left), "", 100), (1, (birds,), "", 100)]
    assert [records[name].split for name in ("0a1f-00000.jpg", "1b2c-00000.jpg")] == ["train", "valid"]


def test_ref_davis_names_frames_by_their_place(tmp_path: Path) -> None:
    """Expression ids of four annotators, PNGs in the palette of DAVIS, upper-case suffixes."""
    root = tmp_path / "ref-davis"
    for frame in ("00000", "00001"):
        write_image(root / "valid/JPEGImages/blackswan" / f"{frame}.JPG")
        write_numbers(root / "valid/Annotations/blackswan" / f"{frame}.PNG", numbers((0, 1)))
    expressions = {str(number): {"exp": f"swan {number}", "obj_id": 1} for number in range(4)}
    write_json(
        root / "meta_expressions/valid/meta_expressions.json",
        {"videos": {"blackswan": {"expressions": expressions, "frames": ["00000", "00001"]}}},
    )
    report, records = read(root, tmp_path)
    assert (report.objects, report.expressions) == (2, 8)
    assert records["blackswan-00001.JPG"].annotations[0].expressions == tuple(f"swan {number}" for number in range(4))


def test_the_former_layout_of_this_project(tmp_path: Path) -> None:
    """Without splits; the category "object" stood for none, and a video of the one frame 00000 for an image."""
    root = tmp_path / "data"
    for video in ("dog", "walk"):
        write_image(root / "JPEGImages" / video / "00000.jpg")
        write_numbers(root / "Annotations" / video / "00000.png", numbers((0, 1)))
    write_image(root / "JPEGImages/walk/00001.jpg")
    videos = {"dog": ["00000"], "walk": ["00000", "00001"]}
    write_json(
        root / "meta_expressions.json",
        {
            "videos": {
                name: {"expressions": {"0": {"exp": name, "obj_id": "1"}}, "frames": frames}
                for name, frames in videos.items()
            }
        },
    )
    objects = {"1": {"category": "object", "frames": ["00000"]}}
    write_json(root / "meta.json", {"videos": {name: {"objects": objects, "split": "val"} for name in videos}})
    _, records = read(root, tmp_path)
    assert {name: (record.clip, record.frame, record.split) for name, record in records.items()} == {
        "dog.jpg": ("", None, "val"),
        "walk-00000.jpg": ("walk", 0, "val"),
        "walk-00001.jpg": ("walk", 1, "val"),
    }
    assert content(records["dog.jpg"]) == [(1, ("dog",), "", 100)]


def test_frames_and_videos_that_are_missing_are_counted(ref_youtube_vos: Path, tmp_path: Path) -> None:
    (ref_youtube_vos / "train/JPEGImages/003234408d/00000.jpg").unlink()
    write_image(ref_youtube_vos / "train/JPEGImages/unlisted/00000.jpg")
    report, records = read(ref_youtube_vos, tmp_path)
    assert len(records) == 3
    assert skipped(report) == {
        ("expression", "does not say which object it refers to"): 2,
        ("image", "its file is missing"): 1,
        ("expression", "its object has no mask in any frame"): 1,
        ("video", "not in meta_expressions.json"): 1,
    }


def test_masks_of_another_size_are_scaled_or_left_out(ref_youtube_vos: Path, tmp_path: Path) -> None:
    folder = ref_youtube_vos / "train/Annotations/003234408d"
    double = numbers((0, 1), (20, 2)).repeat(2, axis=0).repeat(2, axis=1)
    write_numbers(folder / "00000.png", double)
    write_numbers(folder / "00005.png", numbers((0, 1), shape=(60, 40)))
    report, records = read(ref_youtube_vos, tmp_path)
    assert [pixels for *_, pixels in content(records["003234408d-00000.jpg"])] == [100, 100]
    assert report.altered["object", "mask scaled to the size of the image"].count == 2
    assert records["003234408d-00005.jpg"].annotations == () and records["003234408d-00005.jpg"].state == "new"
    assert skipped(report)["object", "with a mask of another shape than the image"] == 1


def test_the_border_of_objects_is_no_object(ref_youtube_vos: Path, tmp_path: Path) -> None:
    write_numbers(ref_youtube_vos / "train/Annotations/003234408d/00005.png", numbers((0, 1), (30, 255)))
    report, records = read(ref_youtube_vos, tmp_path)
    assert len(records["003234408d-00005.jpg"].annotations) == 1
    assert skipped(report)["object", "number 255, the border of other objects"] == 1


def test_a_mask_image_that_cannot_be_read_leaves_its_frame(ref_youtube_vos: Path, tmp_path: Path) -> None:
    (ref_youtube_vos / "train/Annotations/003234408d/00005.png").write_bytes(b"text")
    report, records = read(ref_youtube_vos, tmp_path)
    assert records["003234408d-00005.jpg"].state == "new"
    assert [count for (noun, _), count in skipped(report).items() if noun == "mask image"] == [1]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"expressions": {"0": {"exp": 5, "obj_id": "1"}}}, ("expression", "without text")),
        ({"expressions": {"0": "text"}}, ("expression", "without text")),
        (
            {"expressions": {"0": {"exp": "x", "obj_id": None}}},
            ("expression", "does not say which object it refers to"),
        ),
        (
            {"expressions": {"0": {"exp": "x", "obj_id": {"a": 1}}}},
            ("expression", "does not say which object it refers to"),
        ),
        ({"expressions": {"0": {"exp": "x", "obj_id": "7"}}}, ("expression", "its object has no mask in any frame")),
        ({"expressions": 5}, ("video", "its expressions are not an object, so its objects have none")),
        ({"frames": ["00000", "00005", None]}, ("image", "has a frame name that is not text")),
        ({"frames": ["00000", "00005", "00005"]}, ("image", "named twice in its video")),
        ({"frames": ["00000", "../../../valid/JPEGImages/0062f687f1/00000"]}, ("image", "its file is missing")),
        ({"frames": 5}, ("video", "without a list of frames")),
    ],
)
def test_one_bad_entry_leaves_the_others(
    change: dict[str, Any], what: tuple[str, str], ref_youtube_vos: Path, tmp_path: Path
) -> None:
    file = ref_youtube_vos / "meta_expressions/train/meta_expressions.json"
    values = json.loads(file.read_text())
    values["videos"]["003234408d"] |= change
    values["videos"]["other"] = 5
    write_json(file, values)
    report, records = read(ref_youtube_vos, tmp_path)
    assert "0062f687f1-00000.jpg" in records
    assert skipped(report)[what] >= 1 and skipped(report)["video", "is not an object"] == 1


@pytest.mark.parametrize("obj_id", ["1", 1, 1.0, ["1"], [1, 2], " 1 "])
def test_ids_of_objects_in_every_form(obj_id: Any, ref_youtube_vos: Path, tmp_path: Path) -> None:
    file = ref_youtube_vos / "meta_expressions/train/meta_expressions.json"
    values = json.loads(file.read_text())
    values["videos"]["003234408d"]["expressions"] = [{"exp": "it", "obj_id": obj_id}]
    write_json(file, values)
    _, records = read(ref_youtube_vos, tmp_path)
    assert records["003234408d-00000.jpg"].annotations[0].expressions == ("it",)


@pytest.mark.parametrize(
    "meta", ["[", {"videos": 5}, {"videos": {"003234408d": 5}}, {"videos": {"003234408d": {"objects": [1]}}}]
)
def test_categories_that_cannot_be_read_leave_the_rest(meta: Any, ref_youtube_vos: Path, tmp_path: Path) -> None:
    write_json(ref_youtube_vos / "train/meta.json", meta)
    report, records = read(ref_youtube_vos, tmp_path)
    assert report.objects == 3 and records["003234408d-00000.jpg"].annotations[0].category == ""


@pytest.mark.parametrize("values", ["[", [], {"videos": []}, {}, "\ufeff[]"])
def test_only_a_file_that_is_none_refuses_the_import(values: Any, tmp_path: Path) -> None:
    write_json(tmp_path / "data/meta_expressions/train/meta_expressions.json", values)
    project = Project.create(tmp_path / "project")
    with pytest.raises(DataError, match=r"meta_expressions\.json|nothing was imported"):
        import_from("ytvos", tmp_path / "data", project)
    assert not project.summaries


@pytest.mark.parametrize(
    ("masks", "what", "objects"),
    [
        ("[", ("file", "cannot be read, so objects have no masks"), 0),
        ({"7": [run_lengths(0)]}, ("object", "its masks are missing in mask_dict.json"), 1),
        ({"7": 5, "8": [None, run_lengths(0)]}, ("object", "its masks in mask_dict.json are no list"), 1),
        (
            {"7": [5, {"size": [40, 60], "counts": "x"}], "8": [None, None]},
            ("object", "with a mask that cannot be decoded"),
            0,
        ),
        ({"7": [run_lengths(0)] * 3, "8": [None, None]}, None, 2),
    ],
)
def test_masks_of_mevis_that_cannot_be_read(masks: Any, what: Any, objects: int, mevis: Path, tmp_path: Path) -> None:
    write_json(mevis / "MeViS_release/train/mask_dict.json", masks)
    report, _ = read(mevis, tmp_path)
    assert report.objects == objects
    if what is None:
        assert report.altered["object", "has another number of masks than its video has frames"].count == 2 - 1
    else:
        assert skipped(report)[what] >= 1


def test_an_empty_mask_of_a_frame_is_an_object_that_is_not_seen(mevis: Path, tmp_path: Path) -> None:
    empty = encode_rle(np.zeros(SHAPE, bool))
    write_json(
        mevis / "MeViS_release/train/mask_dict.json", {"7": [run_lengths(0), empty], "8": [empty, run_lengths(30)]}
    )
    report, records = read(mevis, tmp_path)
    assert report.objects == 2 and ("object", "with an empty mask") not in report.skipped
    assert [records[f"0a1f-0000{frame}.jpg"].state for frame in (0, 1)] == ["accepted", "accepted"]
    assert all(one.mask is None or one.decode_mask().any() for record in records.values() for one in record.annotations)


def test_both_layouts_of_one_split_are_read_once(ref_youtube_vos: Path, tmp_path: Path) -> None:
    video = {
        "003234408d": {
            "expressions": {"0": {"exp": "both", "obj_id": [1, 2], "anno_id": [0, 1]}},
            "frames": ["00000", "00005"],
        }
    }
    write_json(ref_youtube_vos / "train/meta_expressions.json", {"videos": video})
    write_json(ref_youtube_vos / "train/mask_dict.json", {"0": [run_lengths(0)] * 2, "1": [run_lengths(20), None]})
    report, records = read(ref_youtube_vos, tmp_path)
    assert (report.images, report.objects) == (4, 3)
    assert [one.expressions for one in records["003234408d-00000.jpg"].annotations] == [("both",), ("both",)]
