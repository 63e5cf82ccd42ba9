"""What is accepted in a project, as a data set: what comes along, what it means, and what is held back."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refseg.annotation.accepted import HELD_BACK, MIN_IMAGES, export_accepted, held_back
from refseg.annotation.project import Project
from refseg.annotation.records import Annotation
from refseg.data.masks import encode_rle
from refseg.data.refcoco import RefCocoDataset, read_refcoco
from refseg.data.scenes import RefCocoScenes
from refseg.errors import ProjectError

SHAPE = (40, 60)


def box(left: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    mask = np.zeros(SHAPE, bool)
    mask[10:30, left : left + 10] = True
    return mask


def annotation(id_: str, left: int | None, *said: str, **known: Any) -> Annotation:
    return Annotation(id_, said, mask=None if left is None else encode_rle(box(left)), **known)


DOG = annotation("1", 5, "the dog", category="dog")


def add(
    project: Project,
    tmp_path: Path,
    name: str,
    *annotations: Annotation,
    state: Any = "accepted",
    split: str = "",
    clip: str = "",
) -> None:
    path = tmp_path / name
    path.write_bytes(cv2.imencode(".png", np.full((*SHAPE, 3), len(project.summaries), np.uint8))[1].tobytes())
    project.save(replace(project.add_image(path), annotations=annotations, state=state, split=split, clip=clip))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Five accepted pictures of a dog."""
    made = Project.create(tmp_path / "project")
    for number in range(MIN_IMAGES):
        add(made, tmp_path, f"dog {number}.png", DOG)
    return made


def written(project: Project, tmp_path: Path) -> RefCocoDataset:
    export_accepted(project, tmp_path / "out")
    return read_refcoco(tmp_path / "out")


def test_only_what_is_accepted_comes_along(project: Project, tmp_path: Path) -> None:
    for state in ("new", "model", "corrected", "skipped"):
        add(project, tmp_path, f"{state}.png", DOG, state=state)
    dataset = written(project, tmp_path)
    assert [image.file_name for image in dataset.images] == [f"dog {number}.png" for number in range(MIN_IMAGES)]
    assert (
        {image.split for image in dataset.images}
        == {"train", "val"}
        == {referent.split for referent in dataset.referents}
    )
    for image in dataset.images:
        (referent,) = dataset.referents_of(image)
        assert referent.expressions == ("the dog",) and referent.instance.category == "dog"
        np.testing.assert_array_equal(referent.instance.mask(*SHAPE), box(5))
        assert dataset.path_of(image).read_bytes() == project.image_path(project.record(image.file_name)).read_bytes()


def test_what_sentences_mean(project: Project, tmp_path: Path) -> None:
    annotations = (
        annotation("1", 5, "Both dogs!", "left dog", "?"),
        annotation("2", 30, "both dogs", "right dog"),
        annotation("3", 45),
        annotation("4", None, "the elephant", "left dog", no_target=True),
        annotation("5", None, "nothing drawn"),
        replace(annotation("6", 5, "emptied"), mask=encode_rle(np.zeros(SHAPE, bool))),
    )
    add(project, tmp_path, "many.png", *annotations)
    dataset = written(project, tmp_path)
    image = dataset.images[-1]
    meant = {
        text: referent.instance.mask(*SHAPE)
        for referent in dataset.referents_of(image)
        for text in referent.expressions
    }
    assert set(meant) == {"both dogs", "left dog", "right dog"}
    np.testing.assert_array_equal(meant["both dogs"], box(5) | box(30))
    np.testing.assert_array_equal(meant["right dog"], box(30))
    assert dataset.no_target_expressions_of(image) == ("the elephant",)
    assert len(dataset.instances_of(image)) == 4


def test_the_scenes_of_it_know_what_is_absent(project: Project, tmp_path: Path) -> None:
    add(project, tmp_path, "empty.png", annotation("1", None, "the elephant", no_target=True))
    export_accepted(project, tmp_path / "out")
    scene = RefCocoScenes(tmp_path / "out", "train")[-1]
    assert scene.name.endswith("empty.png") and scene.no_target == ("the elephant",) and not scene.referents


def test_too_few_pictures(project: Project, tmp_path: Path) -> None:
    project.save(replace(project.record("dog 0.png"), annotations=(replace(DOG, expressions=("...",)),)))
    with pytest.raises(
        ProjectError, match=r"has 4 accepted images with a mask and an expression\. Expected at least 5"
    ):
        written(project, tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_damaged_mask_is_named(project: Project, tmp_path: Path) -> None:
    damaged = replace(DOG, mask={"size": list(SHAPE), "counts": "\x7f"})
    project.save(replace(project.record("dog 0.png"), annotations=(damaged,)))
    with pytest.raises(ProjectError, match=r"A mask of dog 0\.png is damaged"):
        written(project, tmp_path)
    assert not (tmp_path / "out").exists()


names = st.lists(st.text(min_size=1, max_size=8), min_size=2, max_size=20, unique=True)


@given(names)
def test_some_are_held_back_and_most_are_not(chosen: list[str]) -> None:
    back = held_back(dict.fromkeys(chosen, ""))
    assert 1 <= len(back) <= len(chosen) / 2
    assert back == held_back(dict.fromkeys(reversed(chosen), "train"))


def test_about_a_fifth_is_held_back_and_stays_so_when_others_come() -> None:
    many = {f"{number}.jpg": "" for number in range(2000)}
    back = held_back(many)
    assert abs(len(back) / 2000 - HELD_BACK) < 0.03
    some = dict(list(many.items())[:500])
    assert held_back(some) == back & some.keys()


def test_pictures_of_another_split_are_never_trained_on() -> None:
    splits = {"a": "train", "b": "test", "c": "", "d": "val", "e": "train"}
    assert held_back(splits) == {"b", "d"}
    assert len(held_back(dict.fromkeys("abcdef", "val"))) in (1, 2, 3), "where all say so, by their names"


def test_the_frames_of_a_clip_are_all_trained_on_or_all_measured_with(project: Project, tmp_path: Path) -> None:
    """Also those of which only what is no_target is told, and those beside a frame that is not for training."""
    for clip in range(6):
        for frame in range(3):
            annotations = (DOG,) if frame else (annotation("1", None, "the elephant", no_target=True),)
            add(project, tmp_path, f"{clip}-{frame}.png", *annotations, clip=f"clip {clip}")
    clip_of = {entry.name: project.record(entry.name).clip for entry in project.summaries}
    splits: dict[str, set[str]] = {}
    for image in written(project, tmp_path).images:
        splits.setdefault(clip_of[image.file_name] or image.file_name, set()).add(image.split)
    assert len(splits) == MIN_IMAGES + 6 and all(len(own) == 1 for own in splits.values())
    assert {"train"} in splits.values() and {"val"} in splits.values()


def test_a_clip_with_one_frame_that_is_not_for_training_is_held_back(project: Project, tmp_path: Path) -> None:
    for number, split in enumerate(("train", "val", "")):
        add(project, tmp_path, f"frame {number}.png", DOG, split=split, clip="walk")
    back = [image.file_name for image in written(project, tmp_path).images if image.split == "val"]
    assert back == ["frame 0.png", "frame 1.png", "frame 2.png"]


def test_one_clip_alone_cannot_be_measured_with(tmp_path: Path) -> None:
    made = Project.create(tmp_path / "project")
    for number in range(MIN_IMAGES):
        add(made, tmp_path, f"{number}.png", DOG, clip="walk")
    with pytest.raises(ProjectError, match="only accepted frames of the video 'walk'"):
        written(made, tmp_path)
