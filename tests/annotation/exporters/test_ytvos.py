"""Videos for the loaders of Ref-YouTube-VOS and MeViS, whose behavior is restated here."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from refseg.annotation.exporters import export_to
from refseg.annotation.importers import import_from
from refseg.annotation.project import Project
from refseg.annotation.records import Annotation
from refseg.video.formats import davis_palette
from tests.annotation.exporters.conftest import box


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def load_ref_youtube_vos(root: Path, split: str) -> Iterator[tuple[str, str, str, np.ndarray]]:
    """Video, expression, category and masks (T, H, W), as a training loader of Ref-YouTube-VOS finds them: the PNG's
    pixels of the number `obj_id`.
    """
    meta = read(root / split / "meta.json")["videos"]
    for name, video in read(root / "meta_expressions" / split / "meta_expressions.json")["videos"].items():
        for expression in video["expressions"].values():
            category = meta[name]["objects"][expression["obj_id"]]["category"]
            masks = []
            for frame in sorted(video["frames"]):
                with Image.open(root / split / "JPEGImages" / name / f"{frame}.jpg") as image:
                    assert image.format == "JPEG"
                with Image.open(root / split / "Annotations" / name / f"{frame}.png") as numbers:
                    masks.append(np.asarray(numbers.convert("P")) == int(expression["obj_id"]))
            yield name, expression["exp"], category, np.stack(masks)


def load_mevis(root: Path, split: str) -> Iterator[tuple[str, str, np.ndarray]]:
    """Video, expression and masks (T, H, W), as a loader of MeViS finds them: the union of the run lengths of all
    `anno_id`, null for none.
    """
    masks = read(root / split / "mask_dict.json")
    for name, video in read(root / split / "meta_expressions.json")["videos"].items():
        for expression in video["expressions"].values():
            assert len(expression["obj_id"]) == len(expression["anno_id"])
            frames = []
            for position, frame in enumerate(sorted(video["frames"])):
                with Image.open(root / split / "JPEGImages" / name / f"{frame}.jpg") as image:
                    union = np.zeros((image.height, image.width), bool)
                for id_ in expression["anno_id"]:
                    run_lengths = masks[str(id_)][position]
                    if run_lengths is not None:
                        union |= coco.decode(run_lengths) > 0
                frames.append(union)
            yield name, expression["exp"], np.stack(frames)


def test_ref_youtube_vos_finds_every_object(videos: Project, tmp_path: Path) -> None:
    export_to("ytvos", videos, tmp_path / "out")
    found = list(load_ref_youtube_vos(tmp_path / "out", "valid"))
    assert [(name, text, category) for name, text, category, _ in found] == [
        ("Straße", "the left car", "car"),
        ("Straße", "car of frame 0", "car"),
        ("Straße", "car of frame 10", "car"),
        ("Straße", "the left car", "object"),
    ]
    assert found[0][3].sum(axis=(1, 2)).tolist() == [100, 0, 100]
    assert found[3][3].sum(axis=(1, 2)).tolist() == [100, 100, 100]
    [(name, text, _, masks)] = load_ref_youtube_vos(tmp_path / "out", "train")
    assert (name, text) == ("dog", "the left car") and masks.shape == (1, 40, 60) and masks[0, 10:20, 3:13].all()
    with Image.open(tmp_path / "out/valid/Annotations/Straße/00010.png") as numbers:
        assert numbers.mode == "P" and numbers.getpalette() == davis_palette()


def test_mevis_finds_all_objects_of_an_expression(videos: Project, tmp_path: Path) -> None:
    export_to("ytvos", videos, tmp_path / "out")
    found = {text: masks for _, text, masks in load_mevis(tmp_path / "out", "valid")}
    assert found["the left car"].sum(axis=(1, 2)).tolist() == [200, 100, 200]
    assert found["car of frame 10"].sum(axis=(1, 2)).tolist() == [100, 0, 100]


def test_smaller_objects_cover_larger_ones_and_what_is_lost_is_counted(tmp_path: Path, photos: list[Path]) -> None:
    project = Project.create(tmp_path / "project")
    annotations = (
        Annotation(
            "small", ("small",), mask=box(5, 5, 8, 8)
        ),  # drawn first, then covered, if the order of the project decided
        Annotation("large", ("large",), mask=box(0, 0, 40, 40)),
        Annotation("twin", ("twin",), mask=box(5, 5, 8, 8)),
        Annotation("half", ("half",), mask=box(0, 0, 45, 40)),
    )
    project.save(replace(project.add_image(photos[0]), annotations=annotations, state="accepted"))
    report = export_to("ytvos", project, tmp_path / "out")
    sizes = {text: int(masks.sum()) for _, text, _, masks in load_ref_youtube_vos(tmp_path / "out", "train")}
    assert sizes == {"large": 1600 - 9, "twin": 9, "half": 200}
    lost = {(noun, reason.split(" ")[0]): tally.count for (noun, reason), tally in report.lost.items()}
    assert lost == {("mask", "no"): 1, ("mask", "partly"): 1, ("mask", "more"): 1, ("object", "has"): 1}
    assert {text: int(masks.sum()) for _, text, masks in load_mevis(tmp_path / "out", "train")} == {
        "small": 9,
        "large": 1600,
        "twin": 9,
        "half": 1800,
    }
    again = Project.create(tmp_path / "again")
    assert import_from("ytvos", tmp_path / "out", again).objects == 4
    assert [int(annotation.decode_mask().sum()) for annotation in again.record("dog.jpg").annotations] == [
        9,
        1600,
        9,
        1800,
    ]


def test_videos_are_read_again_as_they_were(videos: Project, tmp_path: Path) -> None:
    report = export_to("ytvos", videos, tmp_path / "out")
    assert (report.images, report.objects, report.no_target) == (4, 9, 3)
    again = Project.create(tmp_path / "again")
    imported = import_from("ytvos", tmp_path / "out", again)
    assert (imported.images, imported.objects, imported.no_target, imported.skipped) == (4, 9, 3, {})
    before = {record.name: record for record in map(videos.record, [entry.name for entry in videos.summaries])}
    for entry in again.summaries:
        after = again.record(entry.name)
        original = before["dog.png" if entry.name == "dog.jpg" else entry.name]
        assert (after.clip, after.frame, after.split) == (original.clip, original.frame, original.split)
        assert after.state == original.state
        assert [(one.expressions, one.category, one.mask) for one in after.annotations] == [
            (one.expressions, one.category, one.mask) for one in original.annotations
        ]
        assert [one.id for one in after.annotations if not one.no_target] == [
            one.id for one in original.annotations if not one.no_target
        ]
    export_to("ytvos", again, tmp_path / "out2")
    assert read(tmp_path / "out" / "valid" / "mask_dict.json") == read(tmp_path / "out2" / "valid" / "mask_dict.json")


def test_expressions_of_single_frames_are_reported(videos: Project, tmp_path: Path) -> None:
    report = export_to("ytvos", videos, tmp_path / "out")
    assert ("object", "expressions of single frames hold for the whole video") in report.altered
    assert report.altered["no-target entry", "kept in meta.json, where only refseg reads it"].count == 3


def test_a_frame_number_that_comes_twice_is_another_video(videos: Project, tmp_path: Path) -> None:
    record = videos.record("frame 10.jpg")
    videos.save(replace(record, frame=5))
    report = export_to("ytvos", videos, tmp_path / "out")
    names = read(tmp_path / "out/meta_expressions/valid/meta_expressions.json")["videos"]
    assert {name: video["frames"] for name, video in names.items()} == {
        "Straße": ["00000", "00005"],
        "Straße-2": ["00005"],
    }
    [((noun, _), tally)] = [item for item in report.altered.items() if "comes twice" in item[0][1]]
    assert (noun, tally.count) == ("image", 1)


def test_frames_without_numbers_and_videos_of_one_name(tmp_path: Path, photos: list[Path]) -> None:
    project = Project.create(tmp_path / "project")
    for clip, frame in (("dog", None), ("dog", 3), ("dog", None), ("DOG", 0), ("..", None), ("meta_expressions", 0)):
        project.save(
            replace(
                project.add_image(photos[2]),
                clip=clip,
                frame=frame,
                split="meta_expressions" if clip == "DOG" else "",
            )
        )
    project.add_image(photos[0])
    export_to("ytvos", project, tmp_path / "out")
    videos = read(tmp_path / "out/meta_expressions/train/meta_expressions.json")["videos"]
    assert {name: video["frames"] for name, video in videos.items()} == {
        "dog": ["00003", "00004", "00005"],
        "image": ["00000"],
        "meta_expressions": ["00000"],
        "dog-3": ["00000"],
    }
    assert (tmp_path / "out/meta_expressions_/JPEGImages/DOG-2/00000.jpg").is_file()
    again = Project.create(tmp_path / "again")
    assert import_from("ytvos", tmp_path / "out", again).images == 7
    found = [again.record(entry.name) for entry in again.summaries]
    assert sorted((record.clip, str(record.frame)) for record in found if record.clip) == [
        ("..", "None"),
        ("DOG", "0"),
        ("dog", "3"),
        ("dog", "None"),
        ("dog", "None"),
        ("meta_expressions", "0"),
    ]


def test_more_objects_than_a_png_has_numbers(tmp_path: Path, photos: list[Path]) -> None:
    project = Project.create(tmp_path / "project")
    for number in range(2):
        record = replace(project.add_image(photos[0]), clip="c", frame=number)
        project.save(
            replace(
                record,
                annotations=tuple(Annotation(f"{number} {n}", (f"{number} {n}",), mask=box(0)) for n in range(130)),
            )
        )
    report = export_to("ytvos", project, tmp_path / "out")
    assert report.lost["mask", "a PNG has 255 numbers, so only mask_dict.json has it"].count == 5
    assert len(list(load_mevis(tmp_path / "out", "train"))) == 260
    again = Project.create(tmp_path / "again")
    assert import_from("ytvos", tmp_path / "out", again).objects == 260


def test_an_object_is_followed_by_its_id_before_its_expression(tmp_path: Path, photos: list[Path]) -> None:
    """Two objects of one expression, of which the first is gone in the second frame."""
    project = Project.create(tmp_path / "project")
    for frame, ids in enumerate(("ab", "b", "ba")):
        annotations = tuple(Annotation(id_, ("a car",), mask=box(0 if id_ == "a" else 30)) for id_ in ids)
        project.save(replace(project.add_image(photos[0]), clip="c", frame=frame, annotations=annotations))
    export_to("ytvos", project, tmp_path / "out")
    sides = [masks[:, 10, 30].tolist() for _, _, _, masks in load_ref_youtube_vos(tmp_path / "out", "train")]
    assert sides == [[False, False, False], [True, True, True]]


@pytest.mark.parametrize("split", ["val", "Validation", "dev", "test", "größe", ""])
def test_splits_keep_their_name_beside_the_folder_that_loaders_expect(
    split: str, tmp_path: Path, photos: list[Path]
) -> None:
    project = Project.create(tmp_path / "project")
    project.save(
        replace(project.add_image(photos[0]), split=split).with_annotation(Annotation("1", ("x",), mask=box(0)))
    )
    export_to("ytvos", project, tmp_path / "out")
    folder = {"": "train", "test": "test", "größe": "größe"}.get(split, "valid")
    assert len(list(load_ref_youtube_vos(tmp_path / "out", folder))) == 1
    again = Project.create(tmp_path / "again")
    import_from("ytvos", tmp_path / "out", again)
    assert again.record("dog.jpg").split == split
