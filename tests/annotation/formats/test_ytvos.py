"""Clips as Ref-YouTube-VOS has them."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from refseg.annotation.exporters import export_to
from refseg.annotation.importers import import_from
from refseg.annotation.records import Layer, picture_from_json, picture_to_json
from refseg.annotation.store import Project
from refseg.data.masks import encode_rle
from refseg.errors import DataError, InputError, ProjectError
from refseg.video.formats import davis_palette, palette_png
from tests.annotation.formats.shapes import SHAPE

META, OBJECTS = "meta_expressions.json", "meta.json"


def box(x: int) -> dict[str, Any]:
    mask = np.zeros(SHAPE, bool)
    mask[10:20, x : x + 10] = True
    return encode_rle(mask)


@pytest.fixture
def clips(tmp_path: Path, photos: list[Path]) -> Project:
    """Frames 0, 5 and 10 of the clip "Straße", the last first, with two things, and a picture of no clip."""
    project = Project.create(tmp_path / "clips")
    for frame in (10, 0, 5):
        record = project.add_picture(photos[2], name=f"frame {frame}.jpg")
        layers = [
            Layer("1", ("the left car", f"car of frame {frame}"), "car", mask=box(frame)),
            Layer("7", mask=box(frame + 20)),
            Layer("9", ("the left car",), "car", mask=box(45)),  # another one of which the same is said
            Layer("8", ("a whale",), absent=True),
        ]
        layers = layers[1:] if frame == 5 else layers
        project.save(replace(record, layers=tuple(layers), split="val", clip="Straße", frame=frame, state="accepted"))
    record = project.add_picture(photos[0])
    project.save(record.with_layer(Layer("1", ("the left car",), "car", mask=box(3))))
    return project


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_layout(clips: Project, tmp_path: Path) -> None:
    assert export_to("ytvos", clips, tmp_path / "out").objects == 9
    out = tmp_path / "out"
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    frames = ["Straße/00000", "Straße/00005", "Straße/00010", "dog/00000"]
    assert files == {META, OBJECTS, *(f"JPEGImages/{f}.jpg" for f in frames), *(f"Annotations/{f}.png" for f in frames)}
    videos = read(out / META)["videos"]
    assert videos["Straße"] == {
        "expressions": {
            "0": {"exp": "the left car", "obj_id": "1"},
            "1": {"exp": "car of frame 0", "obj_id": "1"},
            "2": {"exp": "car of frame 10", "obj_id": "1"},
            "3": {"exp": "the left car", "obj_id": "3"},
        },
        "frames": ["00000", "00005", "00010"],
    }
    objects = read(out / OBJECTS)["videos"]
    assert objects["Straße"]["split"] == "val" and objects["dog"]["split"] == "train"
    # In frame 5 the car on the left is the only one that is called so.
    assert objects["Straße"]["objects"]["1"] == {"category": "car", "frames": ["00000", "00005", "00010"]}
    assert objects["Straße"]["objects"]["2"] == {"category": "object", "frames": ["00000", "00005", "00010"]}
    assert objects["Straße"]["objects"]["3"] == {"category": "car", "frames": ["00000", "00010"]}
    with Image.open(out / "Annotations" / "Straße" / "00010.png") as picture:
        assert picture.mode == "P" and picture.getpalette() == davis_palette()
        labels = np.asarray(picture)
    assert sorted(np.unique(labels)) == [0, 1, 2, 3] and (labels[10:20, 10:20] == 1).all() and (labels[10:20, 30:40] == 2).all()


def test_clips_are_read_again(clips: Project, tmp_path: Path) -> None:
    export_to("ytvos", clips, tmp_path / "out")
    again = Project.create(tmp_path / "again")
    assert import_from("ytvos", tmp_path / "out", again).objects == 9
    records = [again.record(entry.name) for entry in again.entries]
    assert [(record.clip, record.frame, record.split) for record in records] == [
        ("Straße", 0, "val"),
        ("Straße", 5, "val"),
        ("Straße", 10, "val"),
        ("", None, "train"),
    ]
    assert [layer.mask for layer in records[2].layers] == [box(10), box(30), box(45)]
    assert records[0].layers[0].expressions == ("the left car", "car of frame 0", "car of frame 10")
    assert [layer.category for layer in records[0].layers] == ["car", "", "car"]
    export_to("ytvos", again, tmp_path / "out2")
    for path in (tmp_path / "out").rglob("*.json"):
        assert read(path) == read(tmp_path / "out2" / path.relative_to(tmp_path / "out"))


def test_the_layout_as_it_is_published(clips: Project, tmp_path: Path) -> None:
    """Splits as folders, sentences beside them, a test set that does not say which object is meant and has no masks."""
    export_to("ytvos", clips, tmp_path / "out")
    root = tmp_path / "published"
    for split in ("train", "valid"):
        shutil.copytree(tmp_path / "out", root / split)
        (root / split / OBJECTS).unlink()
        (root / "meta_expressions" / split).mkdir(parents=True)
        shutil.move(root / split / META, root / "meta_expressions" / split / META)
    shutil.rmtree(root / "valid" / "Annotations")
    file = root / "meta_expressions" / "valid" / META
    file.write_text(json.dumps({"videos": {"dog": {"expressions": {"0": {"exp": "it"}}, "frames": ["00000"]}}}))
    again = Project.create(tmp_path / "again")
    assert import_from("ytvos", root, again).objects == 9
    records = [again.record(entry.name) for entry in again.entries]
    assert [(record.split, len(record.layers), record.state) for record in records[-2:]] == [("train", 1, "accepted"), ("valid", 0, "new")]


def test_frames_without_numbers_and_clips_of_one_name(tmp_path: Path, photos: list[Path]) -> None:
    project = Project.create(tmp_path / "project")
    for clip, frame in (("dog", None), ("dog", 3), ("dog", None), ("DOG", 0), ("..", None)):
        project.save(replace(project.add_picture(photos[2]), clip=clip, frame=frame))
    project.add_picture(photos[0])
    export_to("ytvos", project, tmp_path / "out")
    videos = read(tmp_path / "out" / META)["videos"]
    assert {name: video["frames"] for name, video in videos.items()} == {
        "dog": ["00003", "00004", "00005"],
        "DOG-2": ["00000"],
        "_": ["00000"],
        "dog-3": ["00000"],
    }


def test_a_frame_that_comes_twice(clips: Project, tmp_path: Path) -> None:
    record = clips.record(clips.entries[0].name)
    clips.save(replace(record, frame=5))
    with pytest.raises(ProjectError, match="are both frame 5 of the clip Straße"):
        export_to("ytvos", clips, tmp_path / "out")


def test_more_objects_than_a_png_has_numbers(tmp_path: Path, photos: list[Path]) -> None:
    project = Project.create(tmp_path / "project")
    for number in range(2):
        record = replace(project.add_picture(photos[0]), clip="c", frame=number)
        layers = tuple(Layer(str(n), (f"{number} {n}",), mask=box(0)) for n in range(128))
        project.save(replace(record, layers=layers))
    with pytest.raises(ProjectError, match="more than 255 objects"):
        export_to("ytvos", project, tmp_path / "out")


def test_records_know_clips_and_old_ones_do_not(clips: Project) -> None:
    record = clips.record(clips.entries[0].name)
    values = picture_to_json(record)
    assert picture_from_json(values).frame == 10
    old = picture_from_json({key: value for key, value in values.items() if key not in ("clip", "frame")})
    assert (old.clip, old.frame) == ("", None)
    for change in ({"frame": -1}, {"frame": "1"}, {"clip": 5}):
        with pytest.raises(ProjectError):
            picture_from_json({**values, **change})


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        (META, [], "JSON object of objects"),
        (META, {}, "names no frames"),
        (META, {"videos": []}, "JSON object of objects"),
        (META, {"videos": {"dog": 5}}, "JSON object of objects"),
        (META, {"videos": {"dog": {"frames": "00000"}}}, "no list of frames"),
        (META, {"videos": {"dog": {"frames": [0]}}}, "no list of frames"),
        (META, {"videos": {"dog": {"frames": ["00009"]}}}, "put it there"),
        (META, {"videos": {"dog": {"frames": ["../../../x"]}}}, "expected a file inside"),
        (META, {"videos": {"../../..": {"frames": ["00000"]}}}, "expected a file inside"),
        (META, {"videos": {"dog": {"frames": ["00000"], "expressions": []}}}, "JSON object of objects"),
        (META, {"videos": {"dog": {"frames": ["00000"], "expressions": {"0": {"exp": 5}}}}}, "without a text"),
        (OBJECTS, {"videos": {"dog": {"objects": []}}}, "JSON object of objects"),
    ],
)
def test_damaged_lists_are_one_sentence(name: str, values: Any, reason: str, clips: Project, tmp_path: Path) -> None:
    export_to("ytvos", clips, tmp_path / "out")
    (tmp_path / "out" / name).write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(DataError, match=reason):
        import_from("ytvos", tmp_path / "out", Project.create(tmp_path / "again"))


def test_odd_numbers_of_objects_mean_nothing(clips: Project, tmp_path: Path) -> None:
    export_to("ytvos", clips, tmp_path / "out")
    said = {str(n): {"exp": "x", "obj_id": odd} for n, odd in enumerate([None, -1, "1.0", "²", "9" * 5000, [], 1])}
    values = {"videos": {"dog": {"frames": ["00000"], "expressions": said}}}
    (tmp_path / "out" / META).write_text(json.dumps(values), encoding="utf-8")
    again = Project.create(tmp_path / "again")
    import_from("ytvos", tmp_path / "out", again)
    assert again.record("dog.jpg").layers[0].expressions == ("x",)


@pytest.mark.parametrize("content", ["colours", "size", "text", "cut"])
def test_damaged_numbers_are_one_sentence(content: str, clips: Project, tmp_path: Path) -> None:
    export_to("ytvos", clips, tmp_path / "out")
    path = tmp_path / "out" / "Annotations" / "dog" / "00000.png"
    if content == "colours":
        Image.new("RGB", (60, 40)).save(path)
    elif content == "size":
        path.write_bytes(palette_png(np.zeros((60, 40), np.uint8)))
    else:
        path.write_bytes(b"text" if content == "text" else path.read_bytes()[:60])
    with pytest.raises(InputError, match=r"00000\.png"):
        import_from("ytvos", tmp_path / "out", Project.create(tmp_path / "again"))
