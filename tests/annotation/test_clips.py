"""Frames of a clip in a project."""

from dataclasses import replace
from pathlib import Path
from secrets import token_hex

import numpy as np
import pytest

from refseg.annotation.clips import add_frames
from refseg.annotation.project import Project
from refseg.annotation.records import Annotation, Origin
from refseg.data.masks import encode_rle
from refseg.images import load_image
from refseg.video.reader import open_clip
from refseg.video.sampling import Sampling
from tests.inference.test_video import moving
from tests.video.clips import make_clip
from tests.video.coded import number_in
from tests.video.test_frame_numbers import TABLE


def test_frames_become_pictures_and_a_second_thing_lies_beside_the_first(tmp_path: Path) -> None:
    frames = moving(8)
    height, width = frames[0].shape[:2]
    clip = open_clip(str(make_clip(tmp_path / "c.mp4", frames, rate=10)), Sampling(stride=2))
    project = Project.create(tmp_path / "p")

    def drawn(number: int) -> Annotation:
        mask = np.zeros((height, width), bool)
        mask[:, : number + 1] = True
        return Annotation(f"layer {number}", ("the ball",), mask=encode_rle(mask), origin=Origin("tiny"))

    taken = list(add_frames(project, clip, "my clip", [1, 3], drawn))
    assert [(record.name, record.clip, record.frame) for record in taken] == [
        ("my clip-00002.png", "my clip", 2),
        ("my clip-00006.png", "my clip", 6),
    ]
    read = {frame.index: frame.image for frame in clip.frames()}
    for record, number in zip(taken, (1, 3), strict=True):
        np.testing.assert_array_equal(load_image(project.image_path(record)), read[record.frame])
        assert record.annotations[0].decode_mask().sum() == (number + 1) * height and record.state == "model"
    project.save(replace(taken[0], state="accepted"))
    project.save(replace(taken[1], state="corrected"))
    again = list(add_frames(project, clip, "my clip", [0, 1, 3], lambda number: replace(drawn(number), id="second")))
    assert [len(record.annotations) for record in again] == [1, 2, 2]
    assert [record.state for record in again] == ["model", "model", "corrected"], (
        "nobody has looked at what is new in an accepted one"
    )
    assert len(project.summaries) == 3
    other = list(add_frames(project, clip, "my  clip", [1], drawn))
    assert other[0].name != "my clip-00002.png" and len(other[0].annotations) == 1


@pytest.mark.parametrize("name", ["mp4 hevc", "avi h264"])
def test_the_frames_sent_are_those_of_the_run(name: str, tmp_path: Path) -> None:
    clip = open_clip(str(TABLE[name].write(tmp_path / f"clip.{TABLE[name].suffix}", range(80))), Sampling(fps=6))
    project = Project.create(tmp_path / "p")
    records = list(add_frames(project, clip, "clip", [1, 8, 15], lambda number: Annotation(token_hex(4), ("a ball",))))
    assert [record.frame for record in records] == clip.indices[[1, 8, 15]].tolist()
    assert [number_in(load_image(project.image_path(record))) for record in records] == [
        record.frame for record in records
    ]


def test_frames_before_damage_can_be_sent(tmp_path: Path) -> None:
    path = TABLE["avi mjpeg"].write(tmp_path / "half.avi", range(40))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    clip = open_clip(str(path))
    project = Project.create(tmp_path / "p")
    assert len(
        list(add_frames(project, clip, "half", range(len(clip)), lambda number: Annotation(token_hex(4), ("a ball",))))
    ) == len(clip)


def test_another_clip_of_the_same_name_gets_pictures_of_its_own(tmp_path: Path) -> None:
    frames = moving(4)
    clips = [
        open_clip(str(make_clip(tmp_path / f"{number}.mp4", shown, rate=10)), Sampling())
        for number, shown in enumerate((frames, [frame[::-1] for frame in frames], frames))
    ]
    project = Project.create(tmp_path / "p")
    sent = [
        list(add_frames(project, clip, "IMG_1", [1, 2], lambda number: Annotation(token_hex(4), ("a ball",))))
        for clip in clips
    ]
    assert [[len(record.annotations) for record in records] for records in sent] == [[1, 1], [1, 1], [2, 2]]
    assert [record.name for record in sent[1]] == ["IMG_1-00001-2.png", "IMG_1-00002-2.png"]
    for clip, records in zip(clips, sent, strict=True):
        read = [frame.image for frame in clip.frames()]
        for record in records:
            assert record.clip == "IMG_1"
            np.testing.assert_array_equal(load_image(project.image_path(record)), read[record.frame])
    project.image_path(sent[0][0]).unlink()
    (record,) = add_frames(project, clips[0], "IMG_1", [1], lambda number: Annotation("11111111"))
    assert record.name == "IMG_1-00001-3.png", "what is gone cannot be compared"
