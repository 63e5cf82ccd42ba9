"""Splits by share: the same images always go to the same split, and frames of a video stay together."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refseg.annotation.exporters.options import ExportOptions, group_of, parse_splits, splits_by_share
from refseg.annotation.records import AnnotatedImage
from refseg.errors import InputError

SHARES = {"train": 0.7, "val": 0.2, "test": 0.1}


def image(name: str, split: str = "", clip: str = "") -> AnnotatedImage:
    return AnnotatedImage(name, name, 4, 4, split=split, clip=clip)


names = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=30, unique=True)


@given(names, st.randoms())
def test_the_order_of_images_does_not_matter(known: list[str], random: Any) -> None:
    images = [image(name) for name in known]
    before = splits_by_share(images, SHARES)
    random.shuffle(images)
    assert splits_by_share(images, SHARES) == before and set(before.values()) <= set(SHARES)
    if len(images) >= 3:
        assert set(before.values()) == set(SHARES)


def test_shares_are_met_and_images_stay_where_they_are() -> None:
    images = [image(f"{number}.jpg") for number in range(2000)]
    splits = splits_by_share(images, SHARES)
    for name, share in SHARES.items():
        assert list(splits.values()).count(name) / 2000 == pytest.approx(share, abs=0.03)
    more = splits_by_share([*images, *(image(f"new {number}.jpg") for number in range(500))], SHARES)
    assert all(more[group] == split for group, split in splits.items())


def test_frames_of_a_video_and_images_with_a_split_stay() -> None:
    images = [image(f"{number}.jpg", clip=f"clip {number % 3}") for number in range(30)]
    images += [
        image("known.jpg", "testA"),
        image("a.jpg", clip="walk"),
        image("b.jpg", "val", clip="walk"),
        image("clip 1"),
    ]
    splits = splits_by_share(images, {"train": 0.5, "val": 0.5})
    assert splits["image", "known.jpg"] == "testA" and splits["clip", "walk"] == "val"
    assert {group for group in splits if group[0] == "clip"} == {
        ("clip", name) for name in ("clip 0", "clip 1", "clip 2", "walk")
    }
    assert all(group_of(one) in splits for one in images)


def test_without_shares_nothing_is_divided() -> None:
    assert splits_by_share([image("a.jpg"), image("b.jpg", "val")], {}) == {
        ("image", "a.jpg"): "",
        ("image", "b.jpg"): "val",
    }


def test_what_is_typed() -> None:
    assert parse_splits("train=0.8, val=0.2") == {"train": 0.8, "val": 0.2}
    assert parse_splits("Größe=1") == {"Größe": 1.0}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "train",
        "train=",
        "=1",
        "train=x",
        "train=nan",
        "train=0.5,train=0.5",
        "train=0.5,val=0.6",
        "a=1.5,b=-0.5",
        "a=1,b=0",
    ],
)
def test_what_is_no_division_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected"):
        parse_splits(text)


@pytest.mark.parametrize("splits", [{"train": math.inf}, {"": 1.0}, {"train": 0.5}])
def test_options_are_checked(splits: dict[str, float]) -> None:
    with pytest.raises(InputError, match="expected"):
        ExportOptions(splits=splits)
